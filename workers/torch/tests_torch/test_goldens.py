"""The demo model's recorded answers, token by token."""

from __future__ import annotations

import json

from .support import PICTURES, ROOT, EngineTest, item, user

GOLDENS = ROOT / "tests" / "data" / "demo"


class GoldensTest(EngineTest):
    def setUp(self) -> None:
        super().setUp()
        self.goldens = json.loads((GOLDENS / "demo_goldens.json").read_text())

    def test_conversations_turn_by_turn(self) -> None:
        asked = 0
        for golden in self.goldens["conversations"][:6]:
            picture = GOLDENS / golden["image"]
            conversation = [user(0, "Describe the image.")]
            for step in golden["steps"]:
                if "question" in step:
                    conversation.append(user(step["question"]))
                one = {"id": "a", "conversation": conversation, "want_prompt": True}
                answer = self.ask([one], pictures=[{"path": str(picture)}])["a"]
                self.assertEqual(answer["prompt"], step["prompt"])
                self.assertEqual(answer["token_ids"], step["generated"])
                self.assertEqual(answer["text"], step["answer"])
                conversation = [
                    *conversation,
                    {"role": "assistant", "parts": [{"text": answer["text"]}]},
                ]
            asked += 1
        self.assertEqual(asked, 6)

    def test_single_questions_with_log_probabilities(self) -> None:
        for golden in self.goldens["single"]:
            picture = PICTURES / golden["image"]
            one = item("a", 0, golden["question"], top_log_probs=5, want_prompt=True)
            answer = self.ask([one], pictures=[{"path": str(picture)}])["a"]
            self.assertEqual(answer["input_ids"], golden["input_ids"])
            self.assertEqual(answer["token_ids"], golden["generated"])
            self.assertTrue(answer["stopped"])
            top = answer["log_probs"][0]["top"]
            self.assertEqual(top[0][0], golden["top5"][0][0])
            for (_, ours), theirs in zip(top, golden["log_prob_top"], strict=True):
                self.assertAlmostEqual(ours, theirs, delta=1e-3)

    def test_questions_without_a_picture(self) -> None:
        for golden in self.goldens["text_alone"]:
            answer = self.ask([item("a", golden["question"])])["a"]
            self.assertEqual(answer["token_ids"], golden["generated"])
