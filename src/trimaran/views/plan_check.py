"""What existing configurations do: their lists as a plan, the best ones beside it, findings."""

from collections.abc import Iterator

from trimaran.plan.judge import Judgement
from trimaran.plan.wording import after, plural
from trimaran.views.plan_json import exact, json_text, plan_document
from trimaran.views.plan_panels import load_text
from trimaran.views.plan_table import lists_sections, peak_text, sections_text, survives_text
from trimaran.views.table import table


def check_text(judgement: Judgement) -> str:
    """For people."""
    plan = judgement.plan
    vips, directors = len(plan.lists), len(plan.demand.hosts)
    heading = [
        f"{plural(vips, 'VIP')} on {plural(directors, 'director')}, as these files have it",
        "",
        *table(
            [
                ("Losses", survives_text(plan.demand)),
                ("Worst peak", peak_text(plan)),
                ("Best", _best(judgement)),
            ]
        ),
    ]
    names = [", ".join(map(str, addresses)) for addresses in judgement.existing.addresses]
    findings = [f"Wrong: {finding}" for finding in _findings(judgement)]
    return sections_text(
        heading, *lists_sections(plan, names), findings or ["Elections follow these lists."]
    )


def check_json(judgement: Judgement) -> str:
    """For programs: the keys of a plan, and what would be better."""
    document = plan_document(judgement.plan)
    document["feasible"] = judgement.within_limit and judgement.plan.evaluation.unheld is None
    document["best_peak"] = exact(judgement.best.evaluation.peak)
    document["as_good"] = judgement.as_good
    document["findings"] = list(_findings(judgement))
    document["addresses"] = [list(map(str, some)) for some in judgement.existing.addresses]
    return json_text(document)


def _best(judgement: Judgement) -> str:
    plan, best = judgement.plan, judgement.best
    vips = len(plan.lists)
    if plan.evaluation.peak <= best.evaluation.peak:
        return "no plan found has a lower worst peak" + (": proven" if plan.proven else "")
    total = sum(plan.weights)
    # On the host where the best lists have their peak, which may not be the one of these.
    names = [host.name for host in plan.demand.hosts]
    speed = plan.demand.speeds[names.index(best.evaluation.peak_host)]
    load = load_text(plan.demand, total, best.evaluation.peak * speed)
    text = f"with other lists the same {vips} VIPs have {load}"
    if judgement.as_good is not None:
        text += f"; as they are, they are no better than {judgement.as_good} VIPs"
    return text


def _findings(judgement: Judgement) -> Iterator[str]:
    yield from judgement.existing.findings
    found = judgement.plan.evaluation
    if found.unheld is not None:
        yield f"a VIP has no holder {after(found.unheld)}"
    if not judgement.within_limit:
        limit = f"{float(judgement.plan.demand.max_load * 100):.4g} %"
        yield f"the worst peak is above {limit}"
