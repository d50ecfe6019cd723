# SPDX-License-Identifier: Apache-2.0
"""Writes manual pages from a program's own definition of its commands and options.

    lodestone --experimental-dump-help | python3 man.py --section 1 --version 0.1.0 FOLDER

Each command has a page of its own, as `lodestone-search.1`.
"""

import argparse
import json
import os
import re
import sys
import time

FILES = {
    1: [],
    8: [
        ("/etc/lodestone/lodestone.json", "The settings of the service."),
        ("/etc/lodestone/tokens", "The tokens of the service's clients, readable by its group only."),
        ("/var/lib/lodestone", "The store of the service."),
        ("/usr/share/doc/lodestone/CONFIGURATION.md.gz", "The reference of all settings."),
    ],
}
ENVIRONMENT = {
    1: [
        ("LODESTONE_ADDRESS", "The server, if there is no option --address."),
        ("LODESTONE_TOKEN", "The token to show, if there is no option --token-file."),
    ],
    8: [
        ("LODESTONE_CONFIG", "The configuration file, if there is no option --config."),
        ("LODESTONE_...", "Every setting, as DESCRIPTION says."),
        ("NOTIFY_SOCKET", "The socket of a supervisor, which is told when the server serves and stops."),
    ],
}


def escape(text):
    """A text in which troff finds no command."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = text.replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"(?m)^\.", r"\\&.", text)


def paragraphs(text):
    return [part for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip()]


def prose(text):
    """The paragraphs of a text."""
    lines = []
    for paragraph in paragraphs(text):
        lines += [".PP", escape(paragraph)]
    return lines[1:]


def is_example(paragraph, words):
    """Whether a paragraph has nothing but lines to type."""
    return all(line.strip().startswith(words[0] + " ") for line in paragraph.split("\n"))


def spelled(name):
    return ("--" if name["kind"] == "long" else "-") + name["name"]


def usage(argument):
    """An argument as the synopsis has it."""
    value = f"\\fI{escape(argument.get('valueName', 'value'))}\\fR"
    if argument["kind"] == "positional":
        text = value
    else:
        text = f"\\fB{escape(spelled(argument['preferredName']))}\\fR"
        if argument["kind"] == "option":
            text += f" {value}"
    if argument["isRepeating"]:
        text += " ..."
    return f"[{text}]" if argument["isOptional"] else text


def with_inversions(arguments):
    """The arguments, where a flag and its opposite, with the same meaning, are one."""
    merged = []
    for argument in arguments:
        last = merged[-1] if merged else None
        isInversion = (
            last is not None
            and argument["kind"] == last["kind"] == "flag"
            and argument.get("abstract") == last.get("abstract")
            and argument["preferredName"]["name"] == "no-" + last["preferredName"]["name"]
        )
        if isInversion:
            merged[-1] = last | {"names": last["names"] + argument["names"]}
        else:
            merged.append(argument)
    return merged


def described(argument):
    """An argument with its meaning."""
    if argument["kind"] == "positional":
        names = f"\\fI{escape(argument.get('valueName', 'value'))}\\fR"
    else:
        names = ", ".join(f"\\fB{escape(spelled(name))}\\fR" for name in argument["names"])
        if argument["kind"] == "option":
            names += f" \\fI{escape(argument.get('valueName', 'value'))}\\fR"
    text = argument.get("abstract", "")
    values = argument.get("allValues") or argument.get("allValueStrings")
    if values and argument["kind"] != "flag":
        text += f" Values: {', '.join(values)}."
    if argument.get("defaultValue") and "(default" not in text:
        text += f" (default: {argument['defaultValue']})"
    lines = [".TP", names]
    lines += prose(text.strip()) if text.strip() else [""]
    if argument.get("discussion"):
        lines += [".IP", escape(argument["discussion"])]
    return lines


def table(rows):
    return [line for name, text in rows for line in (".TP", f"\\fB{escape(name)}\\fR", escape(text))]


def page(command, parents, section, version, date):
    """The page of one command."""
    words = parents + [command["commandName"]]
    name = "-".join(words)
    arguments = [argument for argument in command.get("arguments", []) if argument["shouldDisplay"]]
    children = [child for child in command.get("subcommands", []) if is_shown(child)]
    lines = [
        f".\\\" Generated from '{' '.join(words)} --experimental-dump-help'.",
        f'.TH {escape(name.upper())} {section} {date} "Lodestone {version}" "Lodestone"',
        ".SH NAME",
        f"{escape(name)} \\- {escape(command.get('abstract', '').split(chr(10))[0].rstrip('.'))}",
        ".SH SYNOPSIS",
        ".ad l",
        f"\\fB{escape(' '.join(words))}\\fR",
    ]
    if children:
        lines += ["\\fIcommand\\fR", "[\\fIoptions\\fR]"]
    else:
        # The options that may be left out are listed below.
        needed = [one for one in arguments if one["kind"] == "positional" or not one["isOptional"]]
        lines += [usage(argument) for argument in needed] + ["[\\fIoptions\\fR]"]
    discussion = paragraphs(command.get("discussion", ""))
    examples = [paragraph for paragraph in discussion if is_example(paragraph, words)]
    texts = [paragraph for paragraph in discussion if paragraph not in examples]
    lines += [".ad b", ".SH DESCRIPTION"]
    lines += prose("\n\n".join([command.get("abstract", ""), *texts]))
    if children:
        lines.append(".SH COMMANDS")
        for child in children:
            title = f"{'-'.join(words + [child['commandName']])}"
            lines += [".TP", f"\\fB{escape(title)}\\fR({section})", escape(child.get("abstract", ""))]
    titles = {}
    for argument in sorted(arguments, key=lambda argument: argument["kind"] != "positional"):
        own = argument.get("sectionTitle", "OPTIONS")
        title = "ARGUMENTS" if argument["kind"] == "positional" else own
        titles.setdefault(title, []).append(argument)
    for title, group in titles.items():
        lines.append(f".SH {escape(title.upper())}")
        for argument in with_inversions(group):
            lines += described(argument)
    if examples:
        lines += [".SH EXAMPLES", ".nf", *(escape(example) for example in examples), ".fi"]
    lines += [".SH ENVIRONMENT"] + table(ENVIRONMENT[section])
    if FILES[section]:
        lines += [".SH FILES"] + table(FILES[section])
    others = ["lodestone(1)", "lodestoned(8)"]
    if len(words) > 2:
        others.insert(0, f"{'-'.join(words[:-1])}({section})")
    lines += [".SH SEE ALSO", ", ".join(escape(other) for other in others if other != f"{name}({section})")]
    return name, "\n".join(lines) + "\n"


def is_shown(command):
    return command.get("shouldDisplay", True) and command["commandName"] != "help"


def pages(command, parents, section, version, date):
    yield page(command, parents, section, version, date)
    for child in command.get("subcommands", []):
        if is_shown(child):
            yield from pages(child, parents + [command["commandName"]], section, version, date)


def main():
    parser = argparse.ArgumentParser(description="Writes manual pages from a dump of a program's help.")
    parser.add_argument("--section", type=int, choices=sorted(FILES), required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("folder")
    options = parser.parse_args()
    tool = json.load(sys.stdin)
    if tool["serializationVersion"] != 0:
        sys.exit(f"The dump has version {tool['serializationVersion']}; this program reads version 0.")
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    date = time.strftime("%Y-%m-%d", time.gmtime(epoch))
    for name, text in pages(tool["command"], [], options.section, options.version, date):
        with open(os.path.join(options.folder, f"{name}.{options.section}"), "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
