"""What a client may ask for, and how much of it at once. Whatever is beyond it has an answer that says so.

Memory, beside the models (at most 4): ROWS_MEMORY for what is being completed, or what one prompt of MOST_PROMPT_TOKENS
takes if that is more; MOST_CONNECTIONS bodies of MOST_BODY bytes, as they are and as JSON; MOST_REQUESTS answers of
MOST_TOLD tokens or alternatives, about 100 bytes each. In all, less than 2 GB. A model with counts that are asked for
by several at once has copies of them, one for each further core: at most MEMORY_BESIDE in model/context_mixture.py.
"""

MOST_BODY = 1 << 20  # bytes of a request
MOST_HEAD = 1 << 14  # bytes of its headers
MOST_PROMPT_TOKENS = 16_384  # of a prompt with its context
MOST_TOKENS = 4096  # of a completion
MOST_CHOICES = 64  # completions of one request, over all of its prompts
MOST_LOGPROBS = 20  # alternatives that are told of each token
MOST_TOLD = 1 << 16  # tokens of one request's answer, with their alternatives
MOST_STOPS, LONGEST_STOP = 16, 1000  # texts, and characters of each
MOST_REQUESTS = 128  # that run or wait
MOST_CONNECTIONS = 256
MOST_ROWS = 64  # completed together
ROWS_MEMORY = 512 << 20  # bytes of caches and counts for them
HEAD_SECONDS = 10.0  # to send the head of a request
BODY_SECONDS = 30.0  # to send its body
READ_SECONDS = 30.0  # to read what was sent
ANSWER_SECONDS = 120.0  # from there to the end of the answer
MOST_MODELS = 4  # in memory
