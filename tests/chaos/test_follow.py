from __future__ import annotations

from chaos.follow import QUEUED_SECONDS, Progress, QueuedTasks


def test_a_cleanup_that_is_reset_after_its_scheduler_died_had_begun() -> None:
    progress = Progress()
    for looked_at, state in enumerate((None, None, "queued", "running", None, "queued")):
        progress.saw_cleanup(state, float(looked_at))
    assert progress.cleanup_not_before == 1.0


def test_a_task_that_stays_queued_is_lost_once() -> None:
    tasks = QueuedTasks()
    assert not tasks.lost(["a"], 0.0)
    assert not tasks.lost(["a", "b"], QUEUED_SECONDS)
    assert tasks.lost(["a", "b"], QUEUED_SECONDS + 1)
    assert not tasks.lost(["a", "b"], QUEUED_SECONDS + 2)
    assert not tasks.lost([], 2 * QUEUED_SECONDS + 1)
    assert not tasks.lost(["a"], 2 * QUEUED_SECONDS + 3), "it has begun meanwhile"
