"""What runs beside the screens: the import of torch, the thread that trains, and the numbers of phases."""
