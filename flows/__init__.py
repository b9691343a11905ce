"""What runs: datasets, videos, pictures, and the command line."""
