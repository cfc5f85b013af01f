"""Write small spreadsheet files."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_workbook(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    merged: Sequence[str] = (),
    hidden: str = "",
) -> Path:
    """Write a workbook of the least XML; `merged` are ranges of the last sheet, such as A4:A9."""
    main, namespace = "http://schemas.openxmlformats.org", "spreadsheetml/2006/main"
    relations = f"{main}/officeDocument/2006/relationships"
    kinds = f"{main}/package/2006/content-types"
    listed, related = "", ""
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, rows) in enumerate(sheets.items(), start=1):
            state = ' state="hidden"' if name == hidden else ""
            listed += f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"{state}/>'
            target = f"worksheets/sheet{number}.xml"
            related += f'<Relationship Id="r{number}" Type="{relations}/worksheet" Target="{target}"/>'
            lines = ""
            for row, values in enumerate(rows, start=1):
                lines += f'<row r="{row}">'
                for column, value in enumerate(values):
                    place = f"{chr(65 + column)}{row}"
                    if isinstance(value, str):
                        lines += f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
                    elif value is not None:
                        lines += f'<c r="{place}"><v>{value}</v></c>'
                lines += "</row>"
            ranges = "".join(f'<mergeCell ref="{each}"/>' for each in merged) if number == len(sheets) else ""
            cells = f"<sheetData>{lines}</sheetData>" + (f"<mergeCells>{ranges}</mergeCells>" if ranges else "")
            archive.writestr(f"xl/{target}", f'<worksheet xmlns="{main}/{namespace}">{cells}</worksheet>')
        root = f'<Relationship Id="r" Type="{relations}/officeDocument" Target="xl/workbook.xml"/>'
        package = f"{main}/package/2006/relationships"
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{package}">{root}</Relationships>')
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}">{related}</Relationships>')
        book = f'<workbook xmlns="{main}/{namespace}" xmlns:r="{relations}"><sheets>{listed}</sheets></workbook>'
        archive.writestr("xl/workbook.xml", book)
        archive.writestr(
            "[Content_Types].xml", f'<Types xmlns="{kinds}"><Default Extension="xml" ContentType="x"/></Types>'
        )
    return path
