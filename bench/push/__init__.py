"""pyinfra pushing the very files of the stack to the very hosts of the stack."""
