"""docs/network-file.md against the models, so that neither runs ahead of the other."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from leasedline.alibaba import Alibaba
from leasedline.load import NetworkError, load_network
from leasedline.network import SHORT_LAN, Hub, Jump, Lan, Network, Spoke, Ssh

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "network-file.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SECTIONS: dict[str, tuple[type[BaseModel], tuple[str, ...]]] = {
    "Top level": (Network, ()),
    "`hub`": (Hub, ()),
    "`hub.alibaba`": (Alibaba, ()),
    "An item of `spokes`": (Spoke, tuple(SHORT_LAN)),
    "An item of `lans`": (Lan, ()),
    "`ssh`": (Ssh, ()),
    "`ssh.jump`": (Jump, ()),
}


def rows(section: str) -> dict[str, list[str]]:
    """The table of a section: the cells behind each field's name."""
    text = PAGE.split(f"\n### {section}\n", 1)[1].split("\n#", 1)[0]
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in cells}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_has_its_row_and_its_default(section: str) -> None:
    model, extra = SECTIONS[section]
    table = rows(section)
    assert sorted(table) == sorted((*model.model_fields, *extra))
    for name, field in model.model_fields.items():
        meaning, form, default, _ = table[name]
        assert meaning
        assert form
        if field.is_required():
            assert default == "required"
        elif field.default is None:
            assert default
            assert default != "required"
        else:
            written = re.match(r"`([^`]*)`", default)
            assert written, name
            assert yaml.safe_load(written[1]) == _plain(field.default), name


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def test_every_model_has_its_section() -> None:
    (base,) = Network.__bases__
    assert {model for model, _ in SECTIONS.values()} == set(base.__subclasses__())


@pytest.mark.parametrize("text", EXAMPLES, ids=["article", "larger"])
def test_examples_load(text: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(text)
    assert load_network(path).spokes


def test_the_first_example_is_the_labs_network(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(EXAMPLES[0])
    assert load_network(path) == load_network(ROOT / "stacks" / "lab.network.yaml")


def test_the_page_shows_a_message_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("stacks/office.network.yaml")
    path.parent.mkdir()
    text = EXAMPLES[0].replace("mtu:", "mtuu:").replace("192.168.200.", "192.168.201.")
    path.write_text(text)
    with pytest.raises(NetworkError) as caught:
        load_network(path)
    shown = PAGE.split("```\nstacks/office", 1)[1].split("\n```", 1)[0]
    assert str(caught.value) == f"stacks/office{shown}"
