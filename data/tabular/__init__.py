"""The one reader of tables as people save them: CSV of any encoding and separator that Excel writes, and workbooks.

It knows nothing of homes and needs only the standard library, and openpyxl where a workbook is read.
"""
