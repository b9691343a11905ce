"""What commands ask of the Prefect server: to register, schedule, start, follow, cancel and forget."""
