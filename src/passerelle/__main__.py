"""`python -m passerelle` and the console script."""

from passerelle.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
