"""Compares the API's answers of two versions of Hareline on one recorded database: `python -m script.api_comparison`."""
