from steadygan.configure import Request, configure


def test_one_player_of_a_plan_can_be_changed_without_the_other():
    plain, _ = configure(Request(data="shapes"))
    changed, plan = configure(Request(data="shapes", settings=("generator.optimizer.learning_rate=0.000123",)))
    assert changed.generator.optimizer.learning_rate == 0.000123
    assert changed.discriminator.optimizer == plain.discriminator.optimizer
    assert plan is not None


def test_a_part_is_added_to_a_plan():
    changed, plan = configure(Request(data="shapes", settings=("stabilizers+={name: r1, gamma: 0.1}",)))
    plain, _ = configure(Request(data="shapes"))
    assert [one.name for one in changed.stabilizers] == [*(one.name for one in plain.stabilizers if one.name != "r1"), "r1"]
    (line,) = [line for line in plan.lines if line.key == "stabilizers"]
    assert len(line.value) == len(changed.stabilizers)  # the plan tells all of them
