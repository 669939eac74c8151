"""What runs beside the screens: the import of torch, and the thread that trains."""
