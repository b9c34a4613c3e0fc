"""Keyed chance: what is drawn depends on the key alone."""

from statistics import mean, pstdev

from mock_server.core import random


def test_the_same_key_gives_the_same_number():
    assert random.uniform(1, "slew", "GRB 200416A") == random.uniform(1, "slew", "GRB 200416A")


def test_the_numbers_of_a_key_never_change_between_releases():
    assert random.bits(1, "a", 2) == 0xA96FEE4B8B89A6FB
    assert f"{random.uniform(1, 'a', 2):.12f}" == "0.661864179081"


def test_every_part_of_the_key_matters():
    keys: list[tuple[int, tuple[object, ...]]] = [(1, ("a",)), (2, ("a",)), (1, ("b",)), (1, ("a", "")), (1, ("a", 0))]
    assert len({random.uniform(seed, *key) for seed, key in keys}) == len(keys)


def test_neighbouring_parts_do_not_run_together():
    assert random.bits(1, "ab", "c") != random.bits(1, "a", "bc")


def test_uniform_stays_inside_its_bounds_and_fills_them():
    draws = [random.uniform(3, "fill", k, low=2.0, high=5.0) for k in range(2000)]
    assert all(2.0 < x < 5.0 for x in draws)
    assert abs(mean(draws) - 3.5) < 0.08


def test_normal_has_the_mean_and_width_asked_for():
    draws = [random.normal(3, "bell", k, mean=10.0, sigma=2.0) for k in range(2000)]
    assert abs(mean(draws) - 10.0) < 0.2
    assert abs(pstdev(draws) - 2.0) < 0.15


def test_normal_is_clipped():
    draws = [random.normal(3, "clip", k, clip=1.0) for k in range(200)]
    assert max(draws) == 1.0
    assert min(draws) == -1.0


def test_whole_reaches_both_ends():
    assert {random.whole(3, "die", k, low=1, high=6) for k in range(200)} == {1, 2, 3, 4, 5, 6}
