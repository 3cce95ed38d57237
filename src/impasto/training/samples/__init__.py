"""Sample pictures of a run: drawn, put on a sheet, and judged, so that the run can say whether it worked."""
