"""Whether a lab that was taken down has left anything behind."""

from trimaran.daemon import rundir
from trimaran.lab import record
from trimaran.lab.lab import Lab
from trimaran.lab.record import Record
from trimaran.lab.story import Story


def check_none_left(story: Story, lab: Lab, made: Record) -> None:
    """The last step of a demo; `made` is the lab's record from before it was taken down."""
    story.step("The lab is taken down")
    left = [str(lab.directory)] if lab.directory.exists() else []
    for name, inode in made.namespaces.items():
        if (record.NETNS / name).exists():
            left.append(f"namespace {name}")
        if inode is not None and (rundir.ROOT / f"netns-{inode}").exists():
            left.append(f"{rundir.ROOT}/netns-{inode}")
    story.check(not left, f"nothing is left{': but ' + ', '.join(left) if left else ''}")
