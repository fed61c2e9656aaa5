"""`python -m workers.lab`: the host of one experiment, started by `workers.lab.process`."""

from workers.lab.host import main

main()
