"""The command that uploads a catalog to a Hugging Face hub: push."""

from pathlib import Path

import click


@click.command()
@click.argument("shards", metavar="CATALOG", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--private/--public", default=True, show_default=True, help="Who may see a data set that is new.")
@click.option("--revision", metavar="BRANCH", help="Branch of the data set, made where it is missing; main by default.")
@click.option("--message", metavar="TEXT", help="What the commit says; by default how many products it brings.")
@click.option(
    "--allow-real", is_flag=True, help="Push imported or fetched rows too: you have the right to pass them on."
)
@click.pass_context
def push(
    ctx: click.Context,
    shards: Path,
    repository: str,
    private: bool,
    revision: str | None,
    message: str | None,
    allow_real: bool,
) -> None:
    """Upload the finished catalog CATALOG with its data card to the data set OWNER/NAME of a Hugging Face hub.

    Every file is compared with the manifest first. One commit brings what is not there yet; files of an earlier push
    that this catalog does not have are taken away in it. The hub is that of HF_ENDPOINT, the token that of HF_TOKEN or
    of `hf auth login`.

    \b
    Example:
      toile push data/luxury my-team/luxury
    """
    from generator.catalog.push import push as pushed

    def say(text: str) -> None:
        if not (ctx.obj and ctx.obj.get("quiet")):
            click.echo(text, err=True)

    done = pushed(shards, repository, private=private, branch=revision, message=message, allow_real=allow_real, say=say)
    gone = f", {done.num_removed} of an earlier push removed" if done.num_removed else ""
    changed = done.num_files or done.num_removed
    say(f"{done.num_files} files sent{gone}, commit {done.commit}" if changed else "all of it is there, nothing to do")
    click.echo(done.url)
