"""`./roamkeep up`: everything on this machine, started in order, looked after, stopped together."""

import time
from pathlib import Path

from launcher import project, stack
from launcher.demo_people import demo_sign_ins, local_sign_ins
from launcher.folders import DataFolder, chosen_folder
from launcher.ports import LOOPBACK, free_port
from launcher.supervisor import StopRequested, Supervisor, stop_signals
from launcher.terminal import say, table
from launcher.watchman import Watchman
from launcher.web import WebServer
from launcher.workers import Beat, Worker


def up(*, port: int, data: Path | None, demo: bool) -> int:
    """Run Roamkeep until a stop signal; return the exit code.

    `demo` counts at the first run of a data folder, which remembers it.
    """
    started = time.monotonic()
    folder = chosen_folder(data)
    stack.refuse_weak_key()
    folder.create()
    with stop_signals(), folder.lock() as lock:
        watchman = Watchman(lock, remove=[folder.create_sockets()])
        try:
            with Supervisor(folder.logs, say, watchman) as supervisor:
                _start(supervisor, folder, port=port, demo=demo, started=started)
                supervisor.watch()
        except StopRequested as stop:
            say(f"Stopped ({stop}).")
        finally:
            folder.forget_running()
            watchman.dismiss()
    return 0


def _start(supervisor: Supervisor, folder: DataFolder, *, port: int, demo: bool, started: float) -> None:
    own_database = stack.uses_own_database()
    chosen = folder.state("demo")
    # A foreign database may hold real data: the demo goes there by `./roamkeep manage load_demo` alone.
    demo = demo and own_database if chosen is None else bool(chosen)
    services = stack.services_behind(folder, demo_directory=demo)
    for service in services:
        service.prepare()  # chooses ports, which the variables name
    actual_port = free_port(port)
    address = f"http://{LOOPBACK}:{actual_port}"
    values = stack.variables(folder, services, address=address)
    django = stack.process_environment(values)
    web = WebServer(actual_port, django)
    if own_database and project.is_prepared(folder, values, demo=demo):
        # Reading Django's modules takes most of a start: it goes on while the servers behind it come up.
        supervisor.start(*services, web)
    else:
        supervisor.start(*services)
        project.migrate(folder, values, own_database=own_database)
        project.collect_static(values)
        project.load_demo(folder, values, wanted=demo)
        supervisor.start(web)
    # The pages first: what tasks there are waits in the database for the few seconds a worker takes to load.
    supervisor.start(Worker(django), Beat(django, folder.path))
    folder.write_running(values)
    if actual_port != port:
        say(f"Port {port} is taken by another program; this run uses {actual_port}.")
    say(f"Roamkeep is ready after {time.monotonic() - started:.1f} s: {address}")
    if values["PUBLIC_URL"] != address:
        say(f"It answers to its public address only: {values['PUBLIC_URL']}")
    if demo:
        print_sign_ins(values["PUBLIC_URL"])
    mail = f"{folder.mail}/new, one file a message" if "mail" in {each.name for each in services} else "your EMAIL_URL"
    say(f"Mail goes to {mail}. Logs: {folder.logs}. Stop with Ctrl-C or ./roamkeep down.")


def print_sign_ins(address: str) -> None:
    """Print who can sign in to the demo, where and with what."""
    say("Demo sign-ins (known to everybody: never open this address to a network):")
    sign_ins = [*demo_sign_ins(), *local_sign_ins()]
    rows = [(f"{address}/t/{tenant}/", login, password, role) for tenant, login, password, role in sign_ins]
    print(table(("address", "sign-in name", "password", "who"), rows), flush=True)
