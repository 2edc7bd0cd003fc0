"""Packs editors/vscode into a .vsix, which VS Code installs from a file. The same files give the same bytes.

A .vsix is a ZIP in the Open Packaging form: the files below `extension/`, the types of their names, and a manifest.
"""

import json
import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

FOLDER = Path(__file__).parent / "vscode"
FILES = ("package.json", "extension.js", "bench.js", "README.md")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_TYPES = """<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="json" ContentType="application/json"/>
<Default Extension="js" ContentType="application/javascript"/>
<Default Extension="md" ContentType="text/markdown"/>
<Default Extension="vsixmanifest" ContentType="text/xml"/>
</Types>
"""


def manifest(about: dict[str, str]) -> str:
    """Return the manifest of the package, from what package.json says."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata>
<Identity Language="en-US" Id={quoteattr(about["name"])} Version={quoteattr(about["version"])} \
Publisher={quoteattr(about["publisher"])}/>
<DisplayName>{about["displayName"]}</DisplayName>
<Description xml:space="preserve">{about["description"]}</Description>
<Categories>Debuggers</Categories>
</Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Dependencies/>
<Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/></Assets>
</PackageManifest>
"""


def pack(target: Path) -> None:
    """Write the package."""
    about = json.loads((FOLDER / "package.json").read_text())
    contents = {"extension.vsixmanifest": manifest(about).encode(), "[Content_Types].xml": _TYPES.encode()}
    contents |= {f"extension/{name}": (FOLDER / name).read_bytes() for name in FILES}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            package.writestr(entry, data, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
