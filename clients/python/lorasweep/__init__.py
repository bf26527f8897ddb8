"""A client of lorasweep's server. See Client for people's calls and Worker for the ask-and-tell loop."""

from lorasweep.client import Client
from lorasweep.worker import LeaseLost, Trial, Worker

__all__ = ["Client", "LeaseLost", "Trial", "Worker"]
