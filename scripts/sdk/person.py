"""Reads `leadloop lead show --json`: whether the visitor's id is bound to the lead and the company is known."""
import json
import sys

visitor, company = sys.argv[1:]
text = json.dumps(json.load(sys.stdin), ensure_ascii=False)
sys.exit(0 if visitor in text and company in text else 1)
