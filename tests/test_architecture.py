"""What import-linter cannot see: scopes on queries about people, SQL in one room, entries, documents that keep up."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.states import DeliveryState, Reason
from outreach.settings import PROJECT, Settings

STORE = PROJECT / "outreach" / "store"
PEOPLE = frozenset(
    {
        *("addresses", "case_reminders", "cases", "consents", "contact_ledger", "contacts", "deliveries", "reached"),
        *(
            "archived_people",
            "arrivals",
            "bounces",
            "campaign_people",
            "confirmations",
            "inbound",
            "joins",
            "suppressions",
            "unreached",
            "visits",
        ),
    }
)
"""Tables with a row for each person, or for something of a person's."""
IN_SQL = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE)\s+({'|'.join(sorted(PEOPLE))})\b")

ENGINE_ONLY: Mapping[str, str] = {
    "interactions.refused": "what a provider said of deliveries just sent",
    "arrivals.agreed": "what a sender said; the caller has their row",
    "arrivals.guessed": "what a sender tried; the caller has their row",
    "arrivals.left": "that a sender is gone; the caller has their row",
    "arrivals.linked": "whom a sender is; the caller has their row",
    "arrivals.of": "how the sender of an event stands: works for all",
    "arrivals.purge": "retention; gives a number",
    "arrivals.refused": "what a sender said; the caller has their row",
    "arrivals.refused_elsewhere": "the accounts a sender refused; gives no person",
    "arrivals.unmatched": "that nobody knows a sender; the caller has their row",
    "audiences.gather": "takes the people a scoped selection of `segments.select_contacts` yields",
    "audiences.gather_cases": "takes the people a scoped selection yields",
    "audiences.forget_trial_reminders": "a decision about a whole campaign; gives a number",
    "audiences.due_case_dates": "takes the people a scoped selection yields; gives dates",
    "barred.counted": "counts of people with given addresses; gives no person",
    "barred.counts": "counts of bars; gives no person",
    "bounces.bounced": "bars the addresses of given deliveries, or holds their bounces; gives numbers",
    "bounces.held": "how many bounces of accounts are held; gives no person",
    "bounces.held_of": "how many bounces of runs are held; gives no person",
    "bounces.kinds": "counts of held bounces; gives no person",
    "bounces.purge": "retention; gives a number",
    "bounces.settle": "a person's decision about an account; gives a number",
    "cascades.due": "what is due in a cascade, by run; gives no person",
    "cascades.take": "hands the people of a run on to its next channel; gives their number",
    "cascades.reach_with_others": "counts those handed on as reached with a shared address; gives nothing",
    "cascades.follow_the_failed": "lets those who share a failed address go on; gives nothing",
    "cascades.reach_in_the_end": "counts everyone of ended runs whose shared address was reached; gives nothing",
    "claims.open_runs": "runs with work for an account; gives no person",
    "claims.claim": "the sending itself: works for all",
    "claims.due_lanes": "which accounts have work; gives no person",
    "confirmations.cancel": "about the sender of an event; gives nothing",
    "confirmations.claim": "the sending itself: works for all",
    "confirmations.give_up": "what is too late or lost: works for all; gives a number",
    "confirmations.of_address": "about an address the caller has already",
    "confirmations.plan": "about the sender of an event; gives no person",
    "confirmations.purge": "retention; gives a number",
    "confirmations.put_off": "about one that the caller has claimed",
    "confirmations.settle": "about one that the caller has claimed",
    "confirmations.waits": "whether there is anything to do; gives no person",
    "consent_sql.agreed_to_advertising": "a condition of queries on contacts the caller has; gives no person",
    "deliveries.advance": "records and receipts: work for all",
    "delivery_sweeps.advance_where": "expiry and cancelling: work for whole runs",
    "delivery_sweeps.retry": "a decision about a whole campaign",
    "events.now_known": "receipts: work for all",
    "events.by_provider_ids": "receipts: work for all",
    "events.of_accounts": "receipts: work for all; gives numbers of deliveries",
    "events.refusable": "the unguessable token of an unsubscribe link is the permission",
    "joins.add_address": "an address for a contact found by token, phone or a person: works for all",
    "joins.addresses_beside": "fingerprints of those who share a sender's address: works for all",
    "joins.bearer": "the unguessable token of an invitation is the permission",
    "joins.consented": "writes what a contact agreed to; reads none",
    "joins.holders": "whose the address of an event is: works for all",
    "joins.is_used": "the unguessable token of an invitation is the permission",
    "joins.move_address": "an address that changed at its provider: works for all",
    "joins.remove_address": "an address that is gone at its provider: works for all",
    "joins.still_there": "contacts an event was linked with before: works for all",
    "joins.use": "the unguessable token of an invitation is the permission",
    "joins.with_phone": "whose the phone number of an event is: works for all",
    "joins.withdrew": "writes what contacts took back; reads none",
    "reach_groups.behind": "which large campaigns are to be counted; gives no person",
    "reach_groups.counted_at": "when a campaign's groups were counted; gives no person",
    "reach_groups.keep": "counts of all units at once; gives nothing",
    "unit_counts.sum_up": "sums of all units at once; gives nothing",
    "history.archive": "retention; gives a number",
    "history.old_runs": "which runs retention is about; gives no person",
    "health.bound_to_nobody": "how many addresses belong to accounts that are gone; gives no person",
    "inbound.keep": "what a citizen writes is kept, whoever they are; gives nothing",
    "inbound.purge": "retention; gives a number",
    "invented.put_people": "writes invented people; reads none",
    "invented.put_cases": "writes invented cases; reads none",
    "moves.share_out": "deliveries move between accounts: works for all; gives numbers",
    "moves.gone": "names of accounts at which deliveries wait; gives no person",
    "moves.lend": "deliveries move between accounts: works for all; gives a number",
    "moves.waiting": "how many deliveries wait at accounts; gives no person",
    "people_plans.plan_people": "planning works for all; whom a message is for was settled by `audiences.gather`",
    "reach.guided_of": "counts of a target's own part of the tree; gives no person",
    "reach.delivered_of": "counts of a target's own part of the tree; gives no person",
    "reach_counts.behind": "which campaigns have something to count; gives no person",
    "reach_counts.gather": "counts everyone of a run once, whoever asks for the report; gives nothing",
    "reach_counts.uncount": "takes lost proofs off the counts; gives a number",
    "retention.purge_ledger": "forgets what no cap needs; gives a number",
    "runs.finish_done": "ends runs; gives no person",
    "runs.expire_held": "ends runs; gives no person",
    "segments.names": "the names of rules as an expression; its caller adds the scope",
    "segments.condition": "a rule as a condition; `select_contacts` adds the scope",
    "stranded.stranded": "recovery after a kill: works for all",
    "stranded.claimed_since": "a child's own claims, that it gives back: works for all",
    "status.paused_accounts": "accounts of a campaign; gives no person",
    "deliveries.recipients": "whose message could not be made, for those who share the address; gives numbers",
    "heirs.take_over": "the message passes to who shares the address: works for all",
    "visits.add": "a visit to somebody whose deliveries `lock_deliveries`, which is scoped, has locked",
    "visits.take_back": "a visit that `on_day`, which is scoped, has found",
    "visits.prove_otherwise": "about somebody whose deliveries `lock_deliveries`, which is scoped, has locked",
    "visits.reached_after_all": "receipts: work for all",
    "suppressions.suppress_deliveries": "bars the addresses of given deliveries; reads none",
    "suppressions.suppress": "bars a given address; reads none",
    "suppressions.narrow": "frees a given address; reads none",
    "suppressions.lift": "frees a given address; reads none",
    "suppressions.reason_against": "about an address the caller has already",
    "test_sends.add": "plans a test to an address a person typed; touches no contact",
    "test_sends.purge": "retention of tests; gives a number",
    "test_sends.standing": "how a test stands; touches no contact",
    "suppressions.is_suppressed": "about an address the caller has already",
}
"""Store functions that touch people without a scope, and why they may."""


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((PROJECT / folder).rglob("*.py"))


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def defined(tree: ast.Module) -> dict[str, ast.stmt]:
    """What a module defines at its top, by name."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return found


def people_tables(node: ast.AST, known: Mapping[str, ast.stmt], seen: set[str]) -> set[str]:
    """The tables of people that code names, also through its module's own constants and helpers."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            found |= set(IN_SQL.findall(part.value))
        elif isinstance(part, ast.Name) and part.id in PEOPLE:
            found.add(part.id)
        elif isinstance(part, ast.Name) and part.id in known and part.id not in seen:
            seen.add(part.id)
            found |= people_tables(known[part.id], known, seen)
    return found


def touching_people(file: Path) -> Iterator[tuple[str, bool]]:
    """(name, whether it takes a scope) of the public functions of a store module that touch people."""
    tree = parsed(file)
    known = defined(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]}
            if people_tables(node, known, {node.name}):
                yield f"{file.stem}.{node.name}", "scope" in arguments


def store_modules() -> list[Path]:
    return sorted(STORE.glob("*.py"))


def test_every_store_function_that_touches_people_takes_a_scope() -> None:
    unscoped = {name for file in store_modules() for name, scoped in touching_people(file) if not scoped}
    assert unscoped - set(ENGINE_ONLY) == set(), "add `scope: Scope`, or a reason to ENGINE_ONLY"
    assert set(ENGINE_ONLY) - unscoped == set(), "no longer so: remove it from ENGINE_ONLY"


def test_the_look_at_the_store_sees_queries_helpers_and_constants() -> None:
    scoped = {name for file in store_modules() for name, takes in touching_people(file) if takes}
    assert {"contacts.by_id", "suppressions.of_contact", "segments.count", "explorer.page"} <= scoped
    assert len(scoped) >= 10


def test_sql_is_written_in_the_store_alone() -> None:
    writing = {"sqlalchemy.text", "sqlalchemy.select", "sqlalchemy.insert", "sqlalchemy.update", "sqlalchemy.delete"}
    elsewhere = {
        file.relative_to(PROJECT / "outreach").as_posix()
        for file in modules("outreach")
        if STORE not in file.parents and imported(parsed(file)) & (writing | {"psycopg"})
    }
    assert elsewhere - local_servers() == set()


def local_servers() -> set[str]:
    """The embedded server's own keeper speaks to it before there is a schema."""
    return {"local/postgres.py"}


@pytest.mark.parametrize("entry", ["worker", "scheduler"])
def test_an_entry_is_imported_by_nobody_and_imports_only_what_is_put_together(entry: str) -> None:
    assert [file.name for file in modules("outreach", "channels") if entry in imported(parsed(file))] == []
    rooms = {name.split(".")[1] for name in imported(parsed(PROJECT / f"{entry}.py")) if name.startswith("outreach.")}
    assert rooms <= {"wiring", "tasks", "ticks", "runtime", "domain", "settings"}


def test_the_top_of_the_house_has_its_names() -> None:
    assert {file.name for file in PROJECT.glob("*.py")} == {"worker.py", "scheduler.py"}
    for name in ("outreach", "channels", "templates", "campaigns", "tests", "benchmarks", "docs"):
        assert (PROJECT / name).is_dir()
    for name in ("Makefile", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", ".ci/run"):
        assert (PROJECT / name).is_file()
    rooms = {folder.name for folder in (PROJECT / "outreach").iterdir() if (folder / "__init__.py").exists()}
    steps = {"audience", "planning", "dispatch", "receipts", "reach"}
    assert rooms == {"domain", "store", "web", "cli", "local"} | steps


@pytest.mark.parametrize("closed_set", [DeliveryState, Reason, RunState, CampaignState], ids=lambda kind: kind.__name__)
def test_every_state_and_reason_is_explained_in_the_architecture(
    closed_set: type[DeliveryState] | type[Reason] | type[RunState] | type[CampaignState],
) -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [str(member) for member in closed_set if f"`{member}`" not in page] == []


def test_every_setting_is_explained_in_the_operation_page() -> None:
    page = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"`OUTREACH_{name.upper()}`" not in page] == []


def test_every_library_is_accounted_for_with_its_licence() -> None:
    needed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = [re.split(r"[\[<>=~;]", line)[0].strip().lower() for line in needed]
    page = next((PROJECT / "docs" / "decisions").glob("*-libraries.md")).read_text(encoding="utf-8").lower()
    assert [name for name in names if f"| {name} |" not in page] == []


def test_links_between_documents_lead_somewhere() -> None:
    pages = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(PROJECT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(file.name[:4]) for file in (PROJECT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_no_file_names_a_folder_of_one_persons_machine() -> None:
    someones = re.compile(r"(?<![\w.$}/-])/(?:home|Users|root|work|workspace)/\w")
    kinds = {".py", ".md", ".toml", ".yaml", ".html", ".css", ".j2", ".lua", ""}
    inside = [*modules("outreach", "channels", "tests", "benchmarks"), *(PROJECT / "docs").rglob("*.md")]
    own = [file for file in [*inside, *PROJECT.iterdir()] if file.is_file() and file.suffix in kinds]
    found = [str(file.relative_to(PROJECT)) for file in own if someones.search(file.read_text(encoding="utf-8"))]
    assert found == []
