"""Many runs, one question: trials, what they tell together, and how far it can be trusted."""
