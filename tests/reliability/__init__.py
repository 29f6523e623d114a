"""What happens around the calls: memory that runs out, signals, forks, exits, leaks, sizes, threads."""
