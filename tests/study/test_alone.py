import threading

import pytest

from steadygan.study.alone import alone


def test_a_cell_is_played_by_one_at_a_time_and_others_wait(tmp_path):
    entered = threading.Event()

    def enter():
        with alone(tmp_path / "cells" / "a"):
            entered.set()

    other = threading.Thread(target=enter)
    with alone(tmp_path / "cells" / "a"), alone(tmp_path / "cells" / "b"):
        other.start()
        assert not entered.wait(0.2)
    assert entered.wait(10)
    other.join()
    assert not (tmp_path / "cells" / "a").exists()  # a lock makes no cell


def test_a_lock_is_given_back_where_a_cell_fails(tmp_path):
    with pytest.raises(KeyError), alone(tmp_path / "a"):
        raise KeyError
    with alone(tmp_path / "a"):
        pass
