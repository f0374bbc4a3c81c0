# SPDX-License-Identifier: LGPL-3.0-or-later
"""The `dp` command: parses the command line and runs a sub-command's module of deepmd.entrypoints."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

import deepmd
from deepmd.commands import COMMANDS, DEFAULT_MODEL, NOT_YET, Command, Flag
from deepmd.entrypoints import run
from deepmd.errors import DeepmdError, ModelFileError
from deepmd.files import describe_failure
from deepmd.signals import ending_in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TRAINING_COMMANDS = ("train", "freeze")
"""Those that a backend may run in its own way, see Backend.entry_point_hook; files tell their backend elsewhere."""
BACKEND_HELP = (
    "backend to use. Default: the environment variable DP_BACKEND; without it a model file's ending decides, "
    "and a training takes the first of tf, pt, jax, pd that is installed"
)


def main_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="dp", description="Deep Potential models for molecular dynamics: train, test, convert, run."
    )
    parser.add_argument("--version", action="version", version=f"deepmd-core {deepmd.__version__}")
    _add_backend_flags(parser)
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", action=_Commands, parser_class=_CommandParser
    )
    common = _common_parser()
    for name, command in COMMANDS.items():
        _add_command(commands, name, command, common)
    for name, missing in NOT_YET.items():
        commands.add_parser(name, help=f"(not in this version yet) {missing.purpose}", add_help=False)
    # so that a wrong one is told by _Commands
    commands.choices = None  # type: ignore[assignment]
    return parser


class _Commands(argparse._SubParsersAction):  # type: ignore[type-arg]  # it takes none when it runs
    """The sub-commands; of a wrong name the nearest right one is told."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: Any = None) -> None:
        name, known = values[0], self._name_parser_map
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"perhaps `{near[0]}` is meant" if near else "`dp -h` lists them"
            parser.error(f"there is no command {name!r}; {hint}")
        super().__call__(parser, namespace, values, option_string)


class _CommandParser(argparse.ArgumentParser):
    """Of a sub-command: where an argument is missing, says what it is, and what may be meant by a wrong flag before."""

    example = hint = ""

    def error(self, message: str) -> NoReturn:
        missing = message.removeprefix("the following arguments are required: ")
        if missing != message and self.example:
            message = f"{missing} is missing, as in `{self.example}`{self.hint}"
        super().error(message)


def _add_backend_flags(parser: argparse.ArgumentParser) -> None:
    from deepmd.backend.discovery import registered_flags
    from deepmd.backend.known import KNOWN

    names = {known.flags[0]: known.flags for known in KNOWN}
    names |= {flag: (flag,) for flag in registered_flags() if flag not in names}
    group = parser.add_mutually_exclusive_group()
    default = os.environ.get("DP_BACKEND") or None
    group.add_argument("-b", "--backend", metavar="NAME", default=default, help=BACKEND_HELP)
    for flag, aliases in names.items():
        options = [f"--{alias}" for alias in aliases]
        group.add_argument(*options, dest="backend", action="store_const", const=flag, help=f"same as -b {flag}")


def _common_parser() -> argparse.ArgumentParser:
    """The flags that all sub-commands have."""
    from deepmd.log import LEVELS

    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "-v", "--log-level", choices=LEVELS, default="INFO", help="least severe messages shown: a name or a number"
    )
    parser.add_argument("-l", "--log-path", help="file that the messages are written to as well")
    return parser


def _add_command(
    commands: argparse._SubParsersAction[Any],
    name: str,
    command: Command,
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        name,
        parents=[common],
        help=command.summary,
        description=command.summary[0].upper() + command.summary[1:] + ".",
        epilog="examples:\n" + "\n".join(f"    {example}" for example in command.examples),
        formatter_class=_HelpFormatter,
    )
    parser.example = command.examples[0] if command.examples else ""
    for item in command.flags:
        if isinstance(item, Flag):
            parser.add_argument(*item.names, **item.options)
        else:
            group = parser.add_mutually_exclusive_group()
            for flag in item:
                group.add_argument(*flag.names, **flag.options)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the examples' lines and states the defaults worth knowing."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, "", argparse.SUPPRESS):
            return action.help
        return f"{action.help} (default: %(default)s)"


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The parsed command line; ``backend`` is the backend's flag, or None where none was asked for.

    Raises
    ------
    InputError
        For a flag of deepmd-kit that this version does not have.
    SystemExit
        For ``-h`` and ``--version``, and with status 2 for a wrong command line.
    """
    from deepmd.backend.known import known_backend
    from deepmd.log import LEVELS

    parser = main_parser()
    _hint_at_missing(parser, sys.argv[1:] if args is None else args)
    namespace, unknown = parser.parse_known_args(args)
    if namespace.command is None:
        parser.error("a command is needed, e.g. `dp train input.json`; `dp -h` lists them")
    if unknown and namespace.command not in NOT_YET:
        _check_place(parser, unknown, namespace.command)
        _refuse_unknown(parser, unknown, namespace)
    known = known_backend(namespace.backend)
    namespace.backend = known.flags[0] if known else namespace.backend
    namespace.log_level = LEVELS[getattr(namespace, "log_level", "INFO")]
    return namespace


def _check_place(parser: argparse.ArgumentParser, unknown: list[str], command: str) -> None:
    """Ends where a flag of the backend stands after the command."""
    for word in unknown:
        name = word.partition("=")[0]
        if name in parser._option_string_actions:
            value = " NAME" if name in ("-b", "--backend") else ""
            parser.error(f"{name} goes before the command: `dp {name}{value} {command} ...`")


def _refuse_unknown(parser: argparse.ArgumentParser, unknown: list[str], namespace: argparse.Namespace) -> NoReturn:
    """Ends with the usage of the command and what may be meant."""
    command = _subcommands(parser)[namespace.command]
    command.print_usage(sys.stderr)
    hint = _hint_of_flags(parser, command, unknown, namespace.command) or _hint_of_folders(namespace, unknown)
    parser.exit(2, f"dp: error: unrecognized arguments: {' '.join(unknown)}{hint}\n")


def _hint_at_missing(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Tells the command of a wrong flag before it, which argparse would tell only where nothing is missing."""
    name = next((word for word in words if word in COMMANDS), None)
    if name is None:
        return
    options = parser._option_string_actions
    before = [word.partition("=")[0] for word in words[: words.index(name)] if word.startswith("--")]
    wrong = [word for word in before if not any(option.startswith(word) for option in options)]
    command = _subcommands(parser)[name]
    command.hint = f"; {wrong[0]} is no flag{_hint_of_flags(parser, command, wrong, name)}" if wrong else ""


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, _CommandParser]:
    commands = next(action for action in parser._actions if isinstance(action, _Commands))
    found: dict[str, _CommandParser] = commands._name_parser_map
    return found


def _hint_of_flags(
    parser: argparse.ArgumentParser, command: argparse.ArgumentParser, unknown: list[str], name: str
) -> str:
    """The flag that is the nearest to the first that is not known, and of a backend's where it stands."""
    from difflib import get_close_matches

    word = next((word.partition("=")[0] for word in unknown if word.startswith("--")), None)
    if word is None:
        return ""
    options = {**command._option_string_actions, **parser._option_string_actions}
    # dashes are alike in all
    by_name = {option.lstrip("-"): option for option in options}
    near = [by_name[name] for name in get_close_matches(word.lstrip("-"), by_name, n=1)]
    if not near:
        return f"; `dp {name} -h` lists the flags"
    if near[0] in command._option_string_actions:
        return f"; perhaps `{near[0]}` is meant"
    action = parser._option_string_actions[near[0]]
    # of `--pt` and `--pytorch` the short one
    flag = f"--{action.const}" if action.dest == "backend" and action.const else near[0]
    return f"; perhaps `dp {flag} {name} ...` is meant"


def _hint_of_folders(namespace: argparse.Namespace, unknown: list[str]) -> str:
    """What to do where the shell has made several folders of ``-s data/*``, or a model is given without its flag."""
    if not hasattr(namespace, "system") or any(word.startswith("-") for word in unknown):
        return ""
    if namespace.system == ".":
        return "; a model is given by `-m FILE`, data by `-s FOLDER`"
    return "; -s takes one folder, and searches it for all systems: leave out the `*`"


def main(args: Sequence[str] | None = None) -> None:
    """The command line: a user's mistake gives one line on stderr and status 1, Ctrl-C status 130."""
    try:
        with ending_in_order() if args is None else nullcontext():
            namespace = parse_args(args)
            _prepare(namespace)
            _hook(namespace)(namespace)
        # a reader that has stopped is to be noticed here, not when the interpreter exits
        sys.stdout.flush()
    except DeepmdError as error:
        sys.exit(_failure(str(error), error))
    except BrokenPipeError:
        # the reader, such as `head`, has had enough
        sys.exit(141)
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(_failure(describe_failure(error), error))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        _close_output()


def _failure(message: str, error: BaseException) -> str:
    """One line, whatever names and values of files are in it; what is behind it is shown on ``-v DEBUG``."""
    import logging

    logging.getLogger(__name__).debug("what is behind the error:", exc_info=error)
    return f"dp: error: {''.join(each if each.isprintable() else ' ' for each in message)}"


def _close_output() -> None:
    """Where nothing can be written Python would complain when it flushes at exit, and end with a status of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _hook(args: argparse.Namespace) -> Callable[[argparse.Namespace], None]:
    """What runs the command: `run`, or what the backend asked for puts in its place."""
    if args.command in TRAINING_COMMANDS and args.backend:
        from deepmd.backend.discovery import find_backend

        return find_backend(args.backend).entry_point_hook
    return run


def _prepare(args: argparse.Namespace) -> None:
    """Sets up logging and completes the models' names."""
    import logging

    from deepmd.backend.discovery import check_flag, complete_model_name, registered_packages
    from deepmd.log import set_up_logging

    _check_log_path(args)
    set_up_logging(args.log_level, getattr(args, "log_path", None), ("deepmd", *registered_packages()))
    for note in getattr(args, "notes", ()):
        logging.getLogger(__name__).info(note)
    if hasattr(args, "model"):
        args.model = complete_model_name(args.model, args.backend)
        _check_default_model(args.model)
        check_flag(args.model, args.backend)
    if hasattr(args, "models"):
        args.models = [complete_model_name(name, args.backend) for name in args.models]
        for name in args.models:
            check_flag(name, args.backend)


def _check_default_model(model: str) -> None:
    """Raises ModelFileError where no model is given and that of the default name is not there."""
    if model == DEFAULT_MODEL and not os.path.exists(model):
        raise ModelFileError(
            f"there is no model file {model}, the default of -m (relative to {os.getcwd()}); give one by `-m FILE`."
        )


def _check_log_path(args: argparse.Namespace) -> None:
    """The log is added to the end of a file, which must be none that the command reads."""
    log_path = getattr(args, "log_path", None)
    if log_path:
        from deepmd.files.overwrite import check_not_read

        given = {key: value for key, value in vars(args).items() if key != "log_path"}
        check_not_read(log_path, [value for value in given.values() if isinstance(value, str)])


if __name__ == "__main__":
    main()
