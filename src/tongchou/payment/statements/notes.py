"""What stands under every statement: how to read it, what to look at (说明)."""
from __future__ import annotations

from .model import Statement


def notes_of(made: Statement) -> list[str]:
    """Sentences, 中文 first; rules that are not of grade A are named."""
    notes = [
        "应付 = 病例应付 + 分值以外 + 考核 + 结余超支 + 审核扣款；"
        "清算 = 应付 - 预付 - 月度 - 保证金。",
        "Payable = due for cases + beside points + assessment + sharing + audit; due at the "
        "clearing = payable - prepayment - paid monthly - deposit.",
        "金额以分计算，逐项四舍五入一次；差一分即为错误，请核对并提出。",
        "All amounts are whole fen, each rounded once; one fen of difference is a fault: say so.",
        "本单只涉及基金付给医疗机构的款项，不改变任何患者的报销金额。",
        "It is about what the fund pays the hospital; no patient's settlement changes by it."]
    for flag in made.flags:
        notes.append(f"[{flag.code}] {flag.text_zh} {flag.text_en} ({flag.where})")
    if made.unsure:
        notes.append("以下规则并非来自正式文件（A 级）：" + "；".join(made.unsure))
        notes.append("These rules are not of grade A (an official text): " + "; ".join(made.unsure))
    return notes
