import signal
import threading

import pytest

from rnnkit.callbacks.resuming.held_signals import HeldSignals


class Model:
    """What a model is to it: something with a `fit`."""

    def fit(self, act):
        return act()


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request):
    """A signal, to which somebody listens."""
    before = signal.signal(request.param, lambda *arguments: arrived.append(request.param))
    yield request.param
    signal.signal(request.param, before)
    arrived.clear()


arrived: list[int] = []


def send(number):
    signal.raise_signal(number)
    return list(arrived)


def test_the_first_waits_and_then_does_what_it_would_have_done(number):
    model = Model()
    held, listening = HeldSignals(model), signal.getsignal(number)
    held.hold()
    assert model.fit(lambda: send(number)) == []
    assert held.waiting == number
    held.deliver()
    assert arrived == [number]
    assert held.waiting is None
    assert signal.getsignal(number) is listening


def test_the_second_acts_at_once(number):
    model = Model()
    HeldSignals(model).hold()
    assert model.fit(lambda: send(number) + send(number)) == [number]


def test_outside_of_the_fit_nothing_is_held_back(number):
    model, other = Model(), Model()
    HeldSignals(model).hold()
    assert other.fit(lambda: send(number)) == [number]


def test_a_model_that_is_gone_holds_nothing_back(number):
    HeldSignals(Model()).hold()
    assert send(number) == [number]


def test_nothing_waits_after_the_end(number):
    model = Model()
    held, listening = HeldSignals(model), signal.getsignal(number)
    held.hold()
    held.let_go()
    held.deliver()
    assert signal.getsignal(number) is listening
    assert model.fit(lambda: send(number)) == [number]


def test_somebody_who_listens_from_later_on_is_not_sent_away(number):
    model = Model()
    held = HeldSignals(model)
    held.hold()
    later = signal.signal(number, lambda *arguments: None)
    newest = signal.getsignal(number)
    held.let_go()
    assert signal.getsignal(number) is newest
    assert later == held._arrive


def test_signals_that_are_ignored_stay_so(number):
    signal.signal(number, signal.SIG_IGN)
    HeldSignals(Model()).hold()
    assert signal.getsignal(number) is signal.SIG_IGN


def test_in_another_thread_nothing_is_done(number):
    listening = signal.getsignal(number)
    thread = threading.Thread(target=HeldSignals(Model()).hold)
    thread.start()
    thread.join()
    assert signal.getsignal(number) is listening
