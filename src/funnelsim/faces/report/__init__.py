"""Reports: what a forecast says, as files to pass on."""

from funnelsim.faces.report.kinds import ReportError as ReportError
from funnelsim.faces.report.write import write_report as write_report
