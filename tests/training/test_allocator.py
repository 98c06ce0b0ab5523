"""Pages that a process touches anew are counted by the kernel."""

from __future__ import annotations

import platform
import resource

import numpy as np
import pytest

from netspec.training.allocator import keeping_memory

MIB = 2**20


def faults_of_steps(count: int) -> int:
    """Pages that are touched anew while activations of 8 MiB are made and freed so many times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        np.ones(8 * MIB, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    """MiB of this process."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) // 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_what_a_step_frees_is_kept_for_the_next_and_in_the_end_for_nobody() -> None:
    with keeping_memory():
        faults_of_steps(1)
        assert faults_of_steps(10) < 100
        many = [np.ones(MIB, np.uint8) for _ in range(64)]
        del many
        kept = resident()
    assert resident() <= kept - 48
