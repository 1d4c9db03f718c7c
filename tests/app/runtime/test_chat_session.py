"""The session as the window sees it: one question after the other, restarts, versions, chats."""

from __future__ import annotations

from app.core import settings as rows
from app.core.conversation import MessageState, Role
from app.engine.protocol import Generate, PromptMessage, Request
from app.runtime.chat_session import ChatSession, NoticeAction, SessionState
from tests.app.runtime.house import House, Recorder

S = SessionState
M = MessageState
REPLY = "Hello there."


def texts(session: ChatSession) -> list[str]:
    return [message.text for message in session.conversation.branch]


def listed_ids(facts: Recorder) -> list[int]:
    summaries = facts.of("conversations_changed")[-1]
    return [summary.conversation_id for summary in summaries]


# --- one question, one reply -----------------------------------------------------------------


def test_start_loads_the_demo_and_shows_a_new_chat(house: House) -> None:
    """NO_MODEL, LOADING, READY; the list holds the new chat under the id 0."""
    session, facts = house.open_ready()

    assert facts.of("state_changed") == [S.LOADING, S.READY]
    assert session.is_demo
    assert listed_ids(facts) == [0]
    assert session.conversation.branch == ()


def test_message_and_reply_are_told_in_order(house: House) -> None:
    """User's message, empty reply, reading, pieces, end; then it is the user's turn again."""
    session, facts = house.open_ready()
    facts.facts.clear()
    house.send(session, " Hi \n")
    wanted = ["message_added", "reading_progressed", "reply_grew", "reply_finished"]

    assert [name for name in dict.fromkeys(facts.names()) if name in wanted] == wanted
    assert facts.of("state_changed") == [S.READING, S.REPLYING, S.READY]
    added = [(message.role, message.text) for message in facts.of("message_added")]
    assert added == [(Role.USER, "Hi"), (Role.ASSISTANT, "")]
    assert "".join(text for _, text in facts.of("reply_grew")) == REPLY


def test_reply_is_kept_with_ids_and_figures(house: House) -> None:
    """What the engine told of it, and which vocabulary the ids belong to."""
    session, facts = house.open_ready()
    reply = house.send(session, "Hi")

    assert facts.of("reply_finished") == [reply]
    assert (reply.text, reply.state, reply.token_ids) == (REPLY, M.COMPLETE, (1001, 1002, 1003))
    assert (reply.vocabulary_hash, reply.model_name) == ("vocabulary", "octet-demo-q8_0")
    assert reply.figures is not None
    assert (reply.figures.completion_tokens, reply.figures.seed) == (3, 7)


def test_empty_message_is_not_sent(house: House) -> None:
    """White space is nothing to answer."""
    session, facts = house.open_ready()
    session.send(" \n ")

    assert session.state is S.READY
    assert facts.of("message_added") == []


def test_words_are_on_the_disk_before_the_engine_hears_them(house: House) -> None:
    """Another reader finds the user's message when the engine is asked."""
    session, _ = house.open_ready()
    found: list[list[str]] = []

    def look(request: Request) -> None:
        if isinstance(request, Generate):
            store = house.saved()
            conversation = store.load_conversation(store.list_conversations()[0].conversation_id)
            found.append([message.text for message in conversation.branch] if conversation else [])
            store.close()

    house.engines.last.hear = look
    house.send(session, "Hi")

    assert found == [["Hi", ""]]


def test_second_question_sends_the_whole_branch(house: House) -> None:
    """Replies go as the ids they were made of; instructions go first."""
    session, _ = house.open_ready()
    house.send(session, "One")
    session._settings.set(rows.INSTRUCTIONS, " Be brief. ")
    session._settings.set(rows.TEMPERATURE, 0.0)
    house.send(session, "Two")
    generate = house.engines.last.asked(Generate)[-1]

    assert isinstance(generate, Generate)
    assert generate.messages == (
        PromptMessage("system", "Be brief."),
        PromptMessage("user", "One"),
        PromptMessage("assistant", REPLY, (1001, 1002, 1003), "vocabulary"),
        PromptMessage("user", "Two"),
    )
    assert (generate.sampling.temperature, generate.continue_last) == (0.0, False)


def test_everything_is_there_after_a_restart(house: House) -> None:
    """A new session on the same folder lists the chat and opens it as it was."""
    session, _ = house.open_ready()
    house.send(session, "Why is the sky dark at night? Tell me.")
    house.send(session, "Really?")
    before = session.conversation
    session.close()
    again, facts = house.open_ready()
    house.until(lambda: len(listed_ids(facts)) == 2)
    again.open_conversation(before.summary.conversation_id)
    house.until(lambda: again.conversation.branch != ())

    assert again.conversation.branch == before.branch
    assert again.conversation.summary.title == "Why is the sky dark at night?"


# --- stop ------------------------------------------------------------------------------------


def test_stop_keeps_what_has_arrived(house: House) -> None:
    """STOPPED, with the ids of the text that is there."""
    house.engines.pieces_allowed = 2
    session, facts = house.open_ready()
    session.send("Hi")
    house.until(lambda: "".join(text for _, text in facts.of("reply_grew")) == "Hello there")
    session.stop()
    house.wait_for(session, S.READY)
    reply = session.conversation.branch[-1]

    assert (reply.text, reply.state, reply.token_ids) == ("Hello there", M.STOPPED, (1001, 1002))
    assert facts.of("state_changed")[-2:] == [S.STOPPING, S.READY]


def test_stop_before_anything_was_saved_is_honoured(house: House) -> None:
    """The question is kept, its reply is empty and stopped."""
    house.engines.pieces_allowed = 0
    session, facts = house.open_ready()
    session.send("Hi")
    session.stop()
    house.until(lambda: bool(facts.of("reply_finished")))

    assert texts(session) == ["Hi", ""]
    assert session.conversation.branch[-1].state is M.STOPPED
    assert session.state is S.READY


def test_stop_in_the_users_turn_does_nothing(house: House) -> None:
    """There is nothing to stop."""
    session, _ = house.open_ready()
    session.stop()

    assert session.state is S.READY


# --- versions --------------------------------------------------------------------------------


def test_answer_again_adds_a_version(house: House) -> None:
    """The old reply is one step back, and stays there."""
    session, facts = house.open_ready()
    first = house.send(session, "Hi")
    facts.facts.clear()
    session.answer_again(first.message_id)
    house.until(lambda: bool(facts.of("reply_finished")))
    second = session.conversation.branch[-1]
    session.show_version(second.message_id, -1)
    house.until(lambda: session.conversation.branch[-1].message_id == first.message_id)
    opened, shown = facts.of("conversation_opened")

    assert [message.text for message in opened.branch] == ["Hi"]
    assert (second.version, second.version_count) == (2, 2)
    assert (shown.branch[-1].text, shown.branch[-1].version) == (REPLY, 1)


def test_answer_again_to_an_empty_reply_makes_no_version(house: House) -> None:
    """The same message grows in its place."""
    house.engines.pieces_allowed = 0
    session, facts = house.open_ready()
    session.send("Hi")
    session.stop()
    house.wait_for(session, S.READY)
    house.until(lambda: bool(facts.of("reply_finished")))
    session.answer_again(session.conversation.branch[-1].message_id)
    house.engines.last.allow(3)
    house.until(lambda: len(facts.of("reply_finished")) == 2)
    reply = session.conversation.branch[-1]

    assert (reply.text, reply.version_count) == (REPLY, 1)
    assert [message.message_id for message in facts.of("reply_resumed")] == [reply.message_id]


def test_edit_adds_a_version_and_answers_it(house: House) -> None:
    """The old question keeps its reply."""
    session, facts = house.open_ready()
    house.send(session, "Hi")
    question = session.conversation.branch[0]
    facts.facts.clear()
    session.edit_message(question.message_id, "Good day")
    house.until(lambda: bool(facts.of("reply_finished")))
    edited = session.conversation.branch[0]
    session.show_version(edited.message_id, -1)
    house.until(lambda: texts(session)[0] == "Hi")

    assert [message.text for message in facts.of("conversation_opened")[0].branch] == ["Good day"]
    assert (edited.text, edited.version, edited.version_count) == ("Good day", 2, 2)
    assert texts(session) == ["Hi", REPLY]


def test_stopped_reply_goes_on(house: House) -> None:
    """New text and ids are appended, and the costs added up."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    session.stop()
    house.wait_for(session, S.READY)
    stopped = session.conversation.branch[-1]
    session.continue_reply(stopped.message_id)
    house.engines.last.allow(3)
    house.until(lambda: len(facts.of("reply_finished")) == 2)
    reply = session.conversation.branch[-1]
    generate = house.engines.last.asked(Generate)[-1]

    assert isinstance(generate, Generate)
    assert (generate.continue_last, generate.messages[-1].text) == (True, "Hello")
    assert (reply.message_id, reply.text) == (stopped.message_id, "HelloHello there.")
    assert reply.token_ids == (1001, 1001, 1002, 1003)
    assert reply.figures is not None
    assert (reply.figures.completion_tokens, reply.state) == (4, M.COMPLETE)


def test_finished_reply_does_not_go_on(house: House) -> None:
    """It is complete."""
    session, facts = house.open_ready()
    reply = house.send(session, "Hi")
    session.continue_reply(reply.message_id)

    assert session.state is S.READY
    assert facts.of("reply_resumed") == []


def test_answer_again_during_a_reply_stops_it_first(house: House) -> None:
    """The stopped reply stays as a version."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    session.answer_again(session.conversation.branch[-1].message_id)
    house.until(lambda: len(facts.of("reply_finished")) == 1)
    house.engines.last.allow(3)
    house.until(lambda: len(facts.of("reply_finished")) == 2)
    first, second = facts.of("reply_finished")

    assert (first.text, first.state) == ("Hello", M.STOPPED)
    assert (second.text, second.version) == (REPLY, 2)


# --- several chats ---------------------------------------------------------------------------


def test_reply_goes_on_in_a_chat_that_is_left(house: House) -> None:
    """Its pieces are not told, and it has grown when one comes back."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    chat = session.conversation.summary.conversation_id
    session.new_conversation()
    told = len(facts.of("reply_grew"))
    house.engines.last.allow(1)
    house.until(lambda: session._answering.reply.text == "Hello there")
    replying_id = session.replying_conversation_id
    session.open_conversation(chat)
    house.until(lambda: session.conversation.branch != ())
    reply = session.conversation.branch[-1]
    house.engines.last.allow(1)
    house.wait_for(session, S.READY)

    assert (reply.text, reply.state, replying_id) == ("Hello there", M.GROWING, chat)
    assert len(facts.of("reply_grew")) == told + 1
    assert texts(session) == ["Hi", REPLY]


def test_message_in_another_chat_waits_for_the_reply(house: House) -> None:
    """It is sent to the chat in which it was written."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    session.new_conversation()
    session.send("Other")
    house.engines.last.allow(5)
    house.until(lambda: len(facts.of("reply_finished")) == 1)
    house.wait_for(session, S.READY)

    assert texts(session) == ["Other", REPLY]
    assert len(listed_ids(facts)) == 2


def test_delete_moves_to_the_bin_and_undo_brings_back(house: House) -> None:
    """The shown chat gives way to a new one; a notice offers to undo."""
    session, facts = house.open_ready()
    house.send(session, "Hi")
    chat = session.conversation.summary.conversation_id
    session.delete_conversation(chat)
    house.until(lambda: listed_ids(facts) == [0])
    shown = session.conversation.branch
    session.undo_delete()
    house.until(lambda: texts(session) == ["Hi", REPLY])

    assert shown == ()
    assert facts.of("notice_raised")[-1].action is NoticeAction.UNDO_DELETE
    assert facts.of("notice_cleared")[-1] == facts.of("notice_raised")[-1].key
    house.until(lambda: listed_ids(facts) == [chat])


def test_delete_of_the_chat_that_replies_stops_it(house: House) -> None:
    """What had arrived is kept in the bin."""
    house.engines.pieces_allowed = 1
    session, _ = house.open_ready()
    house.send_until_growing(session, "Hi")
    session.delete_conversation(session.conversation.summary.conversation_id)
    house.wait_for(session, S.READY)
    session.undo_delete()
    house.until(lambda: texts(session) == ["Hi", "Hello"])

    assert session.conversation.branch[-1].state is M.STOPPED


def test_rename_is_told_and_stays(house: House) -> None:
    """An empty title is none."""
    session, facts = house.open_ready()
    house.send(session, "Hi")
    chat = session.conversation.summary.conversation_id
    session.rename_conversation(chat, "  ")
    session.rename_conversation(chat, " My\n title ")
    house.until(lambda: facts.of("conversations_changed")[-1][0].title == "My title")

    assert facts.of("title_changed")[-1] == (chat, "My title")
    assert session.conversation.summary.title == "My title"


def test_neighbours_go_round(house: House) -> None:
    """After the last chat comes the first, and the other way."""
    session, facts = house.open_ready()
    for text in ("One", "Two"):
        session.new_conversation()
        house.send(session, text)
    two, one = listed_ids(facts)
    visited = []
    for step in (1, 1, -1):
        shown = session.conversation.summary.conversation_id
        session.open_neighbour(step)
        house.until(lambda shown=shown: session.conversation.summary.conversation_id != shown)
        visited.append(session.conversation.summary.conversation_id)

    assert visited == [one, two, one]


def test_two_quick_steps_go_two_chats_further(house: House) -> None:
    """The second step counts from the first one's chat, though it isn't shown yet."""
    session, facts = house.open_ready()
    for text in ("One", "Two", "Three"):
        session.new_conversation()
        house.send(session, text)
    house.until(lambda: len(listed_ids(facts)) == 3)
    session.open_neighbour(1)
    session.open_neighbour(1)
    house.until(lambda: texts(session) == ["One", REPLY])


def test_draft_stays_with_its_chat(house: House) -> None:
    """Also over a restart, and for the new chat."""
    session, _ = house.open_ready()
    house.send(session, "Hi")
    chat = session.conversation.summary.conversation_id
    session.measure_draft("in the chat")
    session.new_conversation()
    session.measure_draft("in the new one")
    session.close()
    again, facts = house.open_ready()
    house.until(lambda: again.draft == "in the new one")
    again.open_conversation(chat)
    house.until(lambda: again.draft == "in the chat")

    assert facts.of("draft_opened") == ["in the new one", "in the chat"]


# --- how full the memory is ------------------------------------------------------------------


def test_context_holds_chat_and_draft(house: House) -> None:
    """A scripted engine counts words."""
    session, facts = house.open_ready()
    house.send(session, "One two")
    session.measure_draft("three four five")
    house.until(lambda: facts.of("context_changed")[-1].draft_tokens == 3)
    use = facts.of("context_changed")[-1]

    assert (use.used_tokens, use.context_tokens) == (4, 4096)
    session.measure_draft("")
    assert facts.of("context_changed")[-1].draft_tokens == 0


def test_opened_chat_is_counted(house: House) -> None:
    """The branch as a prompt, instructions too."""
    session, facts = house.open_ready()
    house.send(session, "One two")
    chat = session.conversation.summary.conversation_id
    session._settings.set(rows.INSTRUCTIONS, "Be brief")
    session.new_conversation()
    empty = facts.of("context_changed")[-1].used_tokens
    session.open_conversation(chat)
    house.until(lambda: facts.of("context_changed")[-1].used_tokens == 6)

    assert empty == 0


def test_memory_line_follows_the_prompt(house: House) -> None:
    """The engine tells how many messages it left out; another chat begins without a line."""
    session, facts = house.open_ready()
    house.send(session, "One")
    house.engines.last.dropped_messages = 2
    house.send(session, "Two")
    session.new_conversation()

    assert facts.of("memory_line_moved") == [2, 0]
