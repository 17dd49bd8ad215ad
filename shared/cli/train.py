"""`triptych train`, `say`, `race` and `demo`."""

import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from shared.cli.console import Json, console, metric, print_json

Quiet = Annotated[bool, typer.Option("--no-progress", help="Show no progress bar.")]


def train(
    algo: Annotated[str, typer.Argument(help="A path such as recurrent/lstm; `lstm` alone is enough.")],
    backend: Annotated[str, typer.Option(help="numpy, torch or tf.")] = "numpy",
    budget: Annotated[str, typer.Option(help="quick: at most a minute. full: the best result.")] = "quick",
    seed: Annotated[int, typer.Option(help="Decides the initial weights and the order of the examples.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Another number of steps than the budget's.")] = None,
    device: Annotated[str | None, typer.Option(help="Such as cuda (torch), gpu (tf); the CPU if not given.")] = None,
    data: Annotated[
        str | None, typer.Option(help="A folder with your own data in the same format, such as Fashion-MNIST.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Folder for the results; build/train/ALGO/BACKEND-BUDGET-seedSEED if left out.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="float32, or float64 for comparing backends.")] = "float32",
    threads: Annotated[
        int | None, typer.Option(help="Threads to compute with; 1 if left out. A run goes on with as many.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over, whatever the folder holds.")] = False,
    no_compile: Annotated[bool, typer.Option("--no-compile", help="Use no compiler, for debugging.")] = False,
    no_progress: Quiet = False,
    as_json: Json = False,
):
    """Train an algorithm on real data.

    Ctrl-C and SIGTERM write a checkpoint and say how to go on. A run that was killed goes on with --resume to the
    same bits.

    Examples: triptych train lstm --backend torch · triptych train mlp --budget full --seed 1
    · triptych train mlp --data path/to/fashion-mnist --out build/fashion · triptych train lstm --resume
    """
    from shared.training import loop
    from shared.training.plan import Settings

    settings = Settings(algo, backend, budget, seed, steps, device, data, out, dtype, not no_compile, threads)
    try:
        result = loop.train(settings, resume=resume, fresh=fresh, progress=not no_progress)
    except loop.Interrupted as stopped:
        print(stopped, file=sys.stderr)
        raise typer.Exit(stopped.status) from None
    if as_json:
        print_json(result.record | {"files": [str(file) for file in result.files]})
        return
    record = result.record
    print(f"{record['path']} on {backend}: {record['steps']} steps in {record['seconds']:.1f} s")
    print(f"  loss: {record['first_loss']:.4f} at first, {record['last_loss']:.4f} at last")
    for name, value in record["metrics"].items():
        print(f"  {name}: {metric(name, value)}")
    for file in result.files:
        print(f"  {file}")


def say(
    algo: Annotated[str, typer.Argument(help="A recipe whose model can be talked to, such as seq2seq.")],
    text: Annotated[list[str] | None, typer.Argument(help="Words to ask for; without any, a prompt.")] = None,
    backend: Annotated[str, typer.Option(help="numpy, torch or tf.")] = "numpy",
    budget: Annotated[str, typer.Option(help="The budget that it was trained with.")] = "quick",
    seed: Annotated[int, typer.Option(help="The seed that it was trained with.")] = 0,
    device: Annotated[str | None, typer.Option(help="Such as cuda (torch), gpu (tf); the CPU if not given.")] = None,
    data: Annotated[str | None, typer.Option(help="The folder with your own data that it was trained on.")] = None,
    out: Annotated[str | None, typer.Option(help="The folder of the run, if not the usual one.")] = None,
    dtype: Annotated[str, typer.Option(help="float32 or float64, as in training.")] = "float32",
):
    """Ask a trained model.

    seq2seq says how a word is spoken, and shows where it looked. Without words it prompts for them, or takes them
    from a pipe, one a line.

    Examples: triptych say seq2seq chloroform tomato · triptych say seq2seq --backend tf --budget full
    """
    from shared.training.plan import Settings
    from shared.training.saying import speaker

    answer, about = speaker(Settings(algo, backend, budget, seed, None, device, data, out, dtype))
    if text:
        print("\n\n".join(answer(word) for word in text))
        return
    asked = sys.stdin.isatty()
    if asked:
        print(f"{about}. A word, or nothing to stop.")
    while line := _line("> " if asked else "").strip():
        try:
            print(answer(line), end="\n\n")
        except ValueError as error:
            print(error)


def _line(prompt: str) -> str:
    try:
        return input(prompt)
    except (EOFError, KeyboardInterrupt):
        return ""


def race(
    backend: Annotated[str, typer.Option(help="numpy, torch or tf.")] = "numpy",
    out: Annotated[str, typer.Option(help="Folder for the picture.")] = "build/race",
    seed: Annotated[int, typer.Option(help="Decides the initial weights and the order of the examples.")] = 0,
    steps: Annotated[int, typer.Option(help="Steps of each optimizer.")] = 1000,
    data: Annotated[str | None, typer.Option(help="A folder with data in MNIST's format.")] = None,
    no_progress: Quiet = False,
    as_json: Json = False,
):
    """Train one network with every optimizer, from one start over the same batches, and draw all curves.

    Each optimizer has the learning rate of its recipe.

    Example: triptych race --backend torch
    """
    from shared.training.race import SMOOTH, race

    entries, picture = race(out, backend, seed, steps, data, progress=not no_progress)
    rows = [
        {"optimizer": path, "lr": lr, "last_loss": float(losses[-SMOOTH:].mean()), "accuracy": accuracy, "seconds": s}
        for path, lr, losses, accuracy, s in entries
    ]
    if as_json:
        print_json({"entries": rows, "picture": str(picture)})
        return
    table = Table("optimizer", "learning rate", "last loss", "test accuracy", "seconds")
    for row in rows:
        accuracy = metric("accuracy", row["accuracy"])
        table.add_row(
            row["optimizer"], f"{row['lr']:g}", f"{row['last_loss']:.4f}", accuracy, f"{row['seconds']:.1f}"
        )
    console(110).print(table)
    print(picture)


def demo(
    out: Annotated[str, typer.Option(help="Folder for the pictures.")] = "build/demo",
    seed: Annotated[int, typer.Option(help="Decides the initial weights and the order of the examples.")] = 0,
    no_progress: Quiet = False,
    as_json: Json = False,
):
    """Train softmax regression, the MLP and the LSTM on MNIST with every installed backend, side by side.

    The backends start from the same bits and see the same batches. The status is 1 if one misses its goal.

    Example: triptych demo
    """
    from shared.training import loop
    from shared.training.demo import demo

    try:
        rows = demo(out, seed, progress=not no_progress)
    except loop.Interrupted as stopped:
        print("Stopped. `triptych demo` starts again.", file=sys.stderr)
        raise typer.Exit(stopped.status) from None
    if as_json:
        print_json(rows)
    else:
        _print_demo(rows)
    if any(row["accuracy"] < row["goal"] for row in rows):
        raise typer.Exit(1)


def _print_demo(rows: list[dict[str, Any]]):
    first = rows[0]["backend"]
    table = Table(title="MNIST: same initial bits, same batches")
    table.add_column("recipe", no_wrap=True)
    table.add_column("backend", no_wrap=True)
    difference = f"largest difference\nfrom {first}'s loss"
    for heading in ("first\nloss", "last\nloss", "test\naccuracy", "goal", "seconds", difference):
        table.add_column(heading, justify="right", no_wrap=True)
    for i, row in enumerate(rows):
        colour = "green" if row["accuracy"] >= row["goal"] else "red"
        table.add_row(
            row["recipe"] if row["backend"] == first else "",
            row["backend"],
            f"{row['first_loss']:.4f}",
            f"{row['last_loss']:.4f}",
            f"[{colour}]{metric('accuracy', row['accuracy'])}[/{colour}]",
            f"≥ {metric('accuracy', row['goal'])}",
            f"{row['seconds']:.1f}",
            "" if row["backend"] == first else f"{row['difference']:.1e}",
            end_section=i + 1 == len(rows) or rows[i + 1]["backend"] == first,
        )
    console(110).print(table)
    print("Curves, digits with predictions and worst mistakes:")
    for picture in dict.fromkeys(row["picture"] for row in rows):
        print(f"  {picture}")
