"""Who does the work: this process, processes besides it, or other machines; the result is the same."""

from certify.work.crew import ALONE, Crew, Run
from certify.work.task import Task, do

__all__ = ["ALONE", "Crew", "Run", "Task", "do"]
