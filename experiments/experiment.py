"""What an experiment is, and the one way from its arguments to its results folder.

An `Experiment` declares what differs from one experiment to the next. Arguments become
tasks, tasks become rows, rows become a frame, and a frame becomes figures and a page:
that is the same for all, and is here.
"""

from __future__ import annotations

import inspect
import re
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import installation
from spiking_lmu.experiments.arguments import DIVIDING, checked, execution
from spiking_lmu.experiments.docstrings import of_run
from spiking_lmu.experiments.pages import report as pages
from spiking_lmu.experiments.pages.files import check_owner, write_files
from spiking_lmu.experiments.pages.templates import fill
from spiking_lmu.experiments.sweeps.store import installed
from spiking_lmu.experiments.sweeps.tasks import SweepResult, join, sweep
from spiking_lmu.experiments.sweeps.workers import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Rows = list[dict[str, Any]]
#: Figures by their names, each as a function that draws it.
Figures = dict[str, Callable[[], "Figure"]]

TEMPLATE = "report.j2"
FAILURES = "failures.txt"  # with all tracebacks, where there is no report to hold them
LONGEST_NAME = 60  # characters, of what a file gives to the name of a folder


@dataclass(frozen=True)
class Result:
    """What has been run, for figures and page.

    Attributes
    ----------
    frame : pandas.DataFrame
        The rows of all trials that finished.
    arguments : dict
        All arguments, those left at their defaults too.
    tasks : list of dict
        The tasks that finished.
    folder : pathlib.Path
        The results folder.
    """

    frame: DataFrame
    arguments: Mapping[str, Any] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    folder: Path = Path()


@dataclass(frozen=True)
class Stage:
    """Tasks that run after those of the stage before.

    Attributes
    ----------
    tasks : list of dict, or callable
        The tasks; or what gives them from the `SweepResult` of all stages before.
    sequential : bool
        Whether they run in this process, one after the other.
    beside : mapping
        Further arguments of ``run_task``: what was made to check a task and that its
        run requires too. Only of use where tasks run in this process.
    """

    tasks: list[Task] | Callable[[SweepResult], list[Task]]
    sequential: bool = False
    beside: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Otherwise:
    """Defaults that take the place of those in the signature.

    Attributes
    ----------
    when : str
        In words, for the help: "MNIST".
    applies : callable
        Whether they do, from the other arguments.
    defaults : mapping
        The defaults, by argument.
    """

    when: str
    applies: Callable[[Mapping[str, Any]], bool]
    defaults: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Experiment:
    """An experiment: what is run, and how its page is made.

    Attributes
    ----------
    name : str
        Of the command, and of the folder of its results.
    make_tasks : callable
        Checks the arguments and returns the tasks: a list of dicts, each the complete
        description of a trial; or a list of `Stage`, whose tasks run after those of
        the stage before. Its signature and its numpydoc docstring are where arguments
        are declared: names, types, defaults, units and meaning. The first sentence
        says what is measured.
    run_task : callable
        Turns a task into rows. Where it has further parameters, it gets the argument
        of that name; ``folder``, the results folder; or ``progress``.
    present : callable
        Of a `Result`: the values that the template shows, and the figures, by name,
        each as a function without arguments that draws it.
    returns : str
        What the rows are, for the documentation of `run`.
    finish : callable
        Of the frame of all rows: what it is to be, such as with types of columns.
    template : str, optional
        Text of the page's template; by default ``report.j2`` beside ``make_tasks``.
    full, full_help : mapping, str
        What ``--full`` sets, if there is that option, and what its help says.
    otherwise : sequence of Otherwise
        Other defaults, for some values of another argument.
    fixed : mapping
        What the command fixes: arguments that it does not offer, and their values.
    folders : mapping
        Arguments by which another question is asked, with the values that ask the
        usual one. Others have a folder of their own.
    needs : callable
        Of the arguments: the optional packages whose versions the rows depend on, each
        with who needs it: ``{"nengo-dl": "the backend 'nengo-dl'"}``.
    prepare : callable, optional
        Of the arguments: those that are to be run, for instance with a file read.
    before : callable
        Of the arguments, and of whether to show progress: what to do in this process
        before tasks run, unless they run on a cluster.
    choice : tuple of str, optional
        The option that chooses among variants of the experiment, its value for this
        one, and its help.
    variants : mapping
        Other experiments that the same command runs, by the value of that option.
    sequential : bool
        Whether all tasks run in this process, one after the other. Then there is
        nothing to divide among processes, and no argument for it.
    """

    name: str
    make_tasks: Callable[..., Sequence[Task] | Sequence[Stage]]
    run_task: Callable[..., Rows]
    present: Callable[[Result], tuple[Mapping[str, Any], Figures]]
    returns: str = ""
    finish: Callable[[DataFrame], DataFrame] = lambda frame: frame
    template: str | None = None
    full: Mapping[str, Any] = field(default_factory=dict)
    full_help: str = ""
    otherwise: Sequence[Otherwise] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    folders: Mapping[str, Any] = field(default_factory=dict)
    needs: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda arguments: {}
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = lambda arguments: arguments
    before: Callable[[Mapping[str, Any], bool], None] = lambda arguments, progress: None
    choice: tuple[str, str, str] | None = None
    variants: Mapping[str, Experiment] = field(default_factory=dict)
    sequential: bool = False

    @classmethod
    def of_folder(cls, package: str, name: str, **declared: Any) -> Experiment:
        """The experiment whose tasks and page are in the modules of a package."""
        trials, report = (import_module(f"{package}.{m}") for m in ("trials", "report"))
        parts = trials.make_tasks, trials.run_task, report.present
        return cls(name, *parts, **declared)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """By name, as functions are pickled, where it is an object of a module."""
        home = self.make_tasks.__module__
        for module in (home.rpartition(".")[0], home):
            for name, value in vars(sys.modules.get(module, object)).items():
                if value is self:
                    return _named, (module, name)
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        return {name: v for name, v in vars(self).items() if name != "run"}

    # ---- Arguments -----------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The arguments of the experiment, without those of `execution`."""
        return inspect.signature(self.make_tasks).parameters

    @property
    def _types(self) -> Mapping[str, Any]:
        """The types that the arguments are declared with."""
        hints = get_type_hints(self.make_tasks)
        return {name: hints[name] for name in self.parameters if name in hints}

    @property
    def required(self) -> list[str]:
        """The arguments without a default."""
        return [n for n, p in self.parameters.items() if p.default is p.empty]

    def complete(self, given: Mapping[str, Any], full: bool = False) -> dict[str, Any]:
        """All arguments: the defaults, what ``--full`` sets, and what was given.

        Arrays become tuples where a sequence is expected.
        """
        defaults = {name: p.default for name, p in self.parameters.items()}
        defaults.update({n: v for n, v in self.fixed.items() if n in defaults})
        for one in self.otherwise:
            if one.applies({**defaults, **given}):
                defaults.update(one.defaults)
        found = {**defaults, **(self.full if full else {}), **given}
        for name, kind in self._types.items():
            kinds: list[Any] = [get_origin(one) for one in (kind, *get_args(kind))]
            # an array has a way of its own to be compared, or to be true
            if Sequence in kinds and getattr(found[name], "ndim", 0) == 1:
                found[name] = tuple(found[name].tolist())
        return found

    def results_folder(self, arguments: Mapping[str, Any]) -> Path:
        """Where results go by default: ``results/NAME``, and what is asked of it.

        So that what is asked of another network, recording, model or simulator does
        not take the place of what was found before. An experiment with a required
        argument has a folder for each of its values.
        """
        texts = [
            text
            for name, usual in self.folders.items()
            if (text := _text(arguments.get(name))) not in ("", _text(usual))
        ]
        # a file gives its name without the ending: Path.stem has changed in Python 3.14
        names = [
            re.sub(r"(?<=.)\.[^.]*$", "", Path(t).name) if {".", "/"} & set(t) else t
            for t in texts
        ]
        parts = [re.sub(r"[^\w.-]+", "_", name).strip("._-") for name in names]
        words = [part[:LONGEST_NAME] for part in parts if part]
        if self.required:
            return Path("results", self.name, "-".join(words) or self.required[0])
        return Path("results", "-".join([self.name, *words]))

    # ---- From arguments to rows ----------------------------------------------------

    @cached_property
    def run(self) -> Callable[..., DataFrame]:
        """The experiment as a function: of its arguments, and of those of `execution`.

        It returns a pandas.DataFrame with the rows of all trials that finished.
        """
        left_out = DIVIDING if self.sequential else ()
        where = [p for name, p in _EXECUTION.items() if name not in left_out]
        parameters = [*self.parameters.values(), *where]
        signature = inspect.Signature(
            [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in parameters],
            return_annotation="pd.DataFrame",
        )

        def run(*args: Any, **kwargs: Any) -> DataFrame:
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError as error:
                raise TypeError(f"run() {error}") from None
            where = {n: given.pop(n) for n in list(given) if n in _EXECUTION}
            arguments = self.prepare(self.complete(given))
            return self.execute(arguments, **where).frame

        run.__signature__ = signature  # type: ignore[attr-defined]
        run.__doc__ = of_run(self.make_tasks, execution, self.returns, left_out)
        run.__module__ = self.make_tasks.__module__.rpartition(".")[0]
        run.__qualname__ = run.__name__
        return run

    def plan(self, arguments: dict[str, Any]) -> list[Stage]:
        """The stages of tasks, from arguments that are all checked here."""
        tasks: Any = self.make_tasks(**checked(self.make_tasks, arguments))
        return [t for t in tasks if isinstance(t, Stage)] or [Stage(list(tasks))]

    def execute(
        self,
        arguments: dict[str, Any],
        folder: str | Path | None = None,
        jobs: int | None = None,
        scheduler: str | None = None,
        progress: bool = False,
    ) -> SweepResult:
        """Run the tasks of complete and prepared arguments; see `execution`.

        Tasks of a sequential stage run here, one after the other.
        """
        stages = self.plan(arguments)
        context = self._versions(arguments, scheduler)
        folder = self.results_folder(arguments) if folder is None else folder
        wanted = list(inspect.signature(self.run_task).parameters)[1:]
        known = {**arguments, "folder": str(folder)}
        beside = {name: known[name] for name in wanted if name in known}
        done: list[SweepResult] = []
        for stage in stages:
            tasks = stage.tasks(join(done)) if callable(stage.tasks) else stage.tasks
            here = self.sequential or stage.sequential
            if "progress" in wanted:
                beside["progress"] = progress and here
            if tasks:
                done.append(
                    sweep(
                        partial(self.run_task, **beside, **stage.beside),
                        tasks,
                        folder,
                        context=context,
                        before=partial(self.before, arguments, progress),
                        jobs=1 if here else jobs,
                        scheduler=None if here else scheduler,
                        progress=progress,
                    )
                )
        whole = join(done)
        return replace(whole, frame=self.finish(whole.frame))

    def _versions(
        self, arguments: Mapping[str, Any], scheduler: str | None
    ) -> dict[str, str | None]:
        """Versions of the optional packages; those that are missing are named."""
        found = {package: installed(package) for package in self.needs(arguments)}
        for package, user in self.needs(arguments).items():
            if scheduler is None and found[package] is None:
                how = installation(package.replace("-", "_"))
                raise ImportError(f"{user} needs {package}; install it with: {how}")
        return found

    # ---- From rows to a page -------------------------------------------------------

    def report(self, result: Result) -> tuple[pages.Report, Figures]:
        """The page on a result, and its figures, not drawn yet."""
        values, figures = self.present(result)
        return self.fill(values, figures), figures

    def fill(self, values: Mapping[str, Any], figures: Collection[str]) -> pages.Report:
        """The page of these values, and of figures with these names."""
        source = self.template
        if source is None:
            package = self.make_tasks.__module__.rpartition(".")[0]
            source = resources.files(package).joinpath(TEMPLATE).read_text("utf-8")
        return fill(self.name, source, values, figures)

    def publish(
        self,
        arguments: dict[str, Any],
        command: str,
        folder: str | Path | None = None,
        jobs: int | None = None,
        scheduler: str | None = None,
        progress: bool = True,
    ) -> tuple[Path, int]:
        """Run, draw and write everything into the results folder.

        Parameters
        ----------
        arguments : dict
            All of them, as `complete` gives them.
        command : str
            The exact command, for the record.
        folder, jobs, scheduler, progress
            See `execution`.

        Returns
        -------
        page : pathlib.Path
            Of the report.
        n_failed : int
            How many trials failed.

        Raises
        ------
        nengo.exceptions.ValidationError
            If an argument is out of range, or the folder has the report of another
            experiment.
        ImportError
            If a package that the experiment needs is not installed.
        OSError
            If all trials failed, or a file cannot be written.
        """
        start = time.perf_counter()
        folder = Path(self.results_folder(arguments) if folder is None else folder)
        check_owner(folder, self.name)
        prepared = self.prepare(dict(arguments))
        done = self.execute(prepared, folder, jobs, scheduler, progress)
        result = Result(done.frame, prepared, done.finished, folder)
        try:
            done.check_some()
            report, figures = self.report(result)
        except (OSError, ValidationError) as error:  # too little is left to be shown
            if not done.failures:
                raise
            told = "\n".join(f"{task}\n{text}" for task, text in done.failures)
            write_files(folder, {FAILURES: told.encode(errors=pages.LEGIBLE)})
            raise OSError(f"{error}; all errors are in {folder / FAILURES}") from None
        drawn = {name: draw() for name, draw in figures.items()}
        run = pages.Run(
            command,
            {**self.fixed, **arguments},
            arguments.get("seed"),
            time.perf_counter() - start,
            done.failures,
            done.reused + done.new,
        )
        page = pages.write(folder, report, done.frame, drawn, run)
        return page, len(done.failures)


_EXECUTION = inspect.signature(execution).parameters


def _named(module: str, name: str) -> Experiment:
    """The experiment of this name, for `pickle`."""
    return getattr(import_module(module), name)


def _text(value: Any) -> str:
    """A text, or several as one; nothing for what is none, such as a recording."""
    if isinstance(value, (tuple, list)):
        return "-".join(map(_text, value))
    return value if isinstance(value, str) else ""
