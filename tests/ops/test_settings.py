"""Settings: one value from the environment, or every problem under its variable's name."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from triggerstream.errors import SettingsError
from triggerstream.ops.settings import LEAVES, Settings, load_settings


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load_settings(environ)
    return str(raised.value).splitlines()


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load_settings({}) == Settings()


def test_names_without_the_prefix_are_not_read() -> None:
    assert load_settings({"KAFKA__PARTITIONS": "many", "PATH": "/bin"}) == Settings()


def test_a_nested_setting_is_named_by_its_path() -> None:
    settings = load_settings(
        {
            "TRIGGERSTREAM_KAFKA__PARTITIONS": "32",
            "TRIGGERSTREAM_SENDER__SMTP__HOST": "mail.example",
            "TRIGGERSTREAM_SENDER__SMTP__SENDER": "shop@example.com",
            "TRIGGERSTREAM_DATA_DIR": "/var/lib/triggerstream",
            "TRIGGERSTREAM_CLOCK": "header",
        }
    )

    assert settings.kafka.partitions == 32
    assert settings.sender.smtp.host == "mail.example"
    assert settings.data_dir == Path("/var/lib/triggerstream")
    assert settings.clock == "header"


def test_every_setting_says_what_it_requires() -> None:
    assert [name for name, leaf in LEAVES.items() if not leaf.requires] == []


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        {
            "TRIGGERSTREAM_KAFKA__PARTITIONS": "many",
            "TRIGGERSTREAM_CLOCK": "wall",
            "TRIGGERSTREAM_KAFKA__BOTSTRAP": "x:1",
            "TRIGGERSTREAM_SENDER__ALLOW_NETWORKS": "10.0.0.0/8, here",
        }
    )

    assert len(found) == 4
    assert found[0] == (
        "TRIGGERSTREAM_KAFKA__BOTSTRAP: is not a setting; "
        "did you mean TRIGGERSTREAM_KAFKA__BOOTSTRAP?"
    )
    assert "TRIGGERSTREAM_KAFKA__PARTITIONS: required is a whole number" in found[1]
    assert "found 'many'" in found[1]
    assert "TRIGGERSTREAM_SENDER__ALLOW_NETWORKS" in found[2]
    assert "'here'" in found[2]
    assert "TRIGGERSTREAM_CLOCK: required is broker or header; found 'wall'" in found[3]


@pytest.mark.parametrize("partitions", ["0", "4097", "1.5", ""])
def test_a_number_of_partitions_outside_of_its_range_is_refused(partitions: str) -> None:
    assert len(problems({"TRIGGERSTREAM_KAFKA__PARTITIONS": partitions})) == 1


@pytest.mark.parametrize("partitions", ["1", "4096"])
def test_both_ends_of_the_range_of_partitions_are_accepted(partitions: str) -> None:
    settings = load_settings({"TRIGGERSTREAM_KAFKA__PARTITIONS": partitions})

    assert settings.kafka.partitions == int(partitions)


@pytest.mark.parametrize("value", ["", "x y", "-1", "0", "99999999", "1e999", "[1]", '{"a": 1}'])
@pytest.mark.parametrize("name", LEAVES)
def test_what_is_wrong_is_told_in_our_words(name: str, value: str) -> None:
    told = ""
    try:
        load_settings({name: value})
    except SettingsError as error:
        told = str(error)

    assert " should " not in told


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("HTTP__PORT", "65536", "a port, or 0 for any that is free; found '65536' (it must be at "),
        ("SENDER__WEBHOOKS", '{"crm": 5}', "is not shown (at crm: this is no mapping)"),
        ("SENDER__WEBHOOKS", '{"crm": {"url": 5}}', "is not shown (at crm.url: this is no text)"),
        (
            "SENDER__WEBHOOKS",
            '{"crm": {"url": "https://a.example", "secrets": "whsec_"}}',
            "is not shown (at crm.secrets: this is no list)",
        ),
    ],
)
def test_a_wrong_value_is_told_where_it_stands(name: str, value: str, told: str) -> None:
    [problem] = problems({f"TRIGGERSTREAM_{name}": value})

    assert told in problem


def test_a_name_like_none_is_not_taken_for_one() -> None:
    assert problems({"TRIGGERSTREAM_FOO": "1"}) == ["TRIGGERSTREAM_FOO: is not a setting"]


def test_networks_are_read_from_commas() -> None:
    settings = load_settings({"TRIGGERSTREAM_SENDER__ALLOW_NETWORKS": "127.0.0.0/8, ::1/128"})

    assert settings.sender.allow_networks == (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class TestSecrets:
    def test_a_secret_may_stand_in_a_file_without_its_line_end(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("correct horse battery\n")

        settings = load_settings({"TRIGGERSTREAM_HTTP__ADMIN_TOKEN_FILE": str(file)})

        assert settings.http.admin_token is not None
        assert settings.http.admin_token.get_secret_value() == "correct horse battery"

    def test_webhook_endpoints_may_stand_in_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "webhooks.json"
        file.write_text('{"crm": {"url": "https://crm.example/hook", "secrets": ["whsec_AAAA"]}}')

        settings = load_settings({"TRIGGERSTREAM_SENDER__WEBHOOKS_FILE": str(file)})

        assert settings.sender.webhooks["crm"].url == "https://crm.example/hook"

    def test_only_secrets_have_a_file(self) -> None:
        assert problems({"TRIGGERSTREAM_KAFKA__BOOTSTRAP_FILE": "/etc/hosts"}) == [
            (
                "TRIGGERSTREAM_KAFKA__BOOTSTRAP_FILE: is not a setting; "
                "did you mean TRIGGERSTREAM_KAFKA__BOOTSTRAP?"
            )
        ]

    def test_the_value_and_the_file_exclude_each_other(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("correct horse battery")

        assert problems(
            {
                "TRIGGERSTREAM_HTTP__ADMIN_TOKEN": "correct horse battery",
                "TRIGGERSTREAM_HTTP__ADMIN_TOKEN_FILE": str(file),
            }
        ) == [
            (
                "TRIGGERSTREAM_HTTP__ADMIN_TOKEN_FILE: required is this or "
                "TRIGGERSTREAM_HTTP__ADMIN_TOKEN; found both"
            )
        ]

    def test_a_file_that_cannot_be_read_is_named_with_the_reason(self, tmp_path: Path) -> None:
        missing = tmp_path / "none"

        [problem] = problems({"TRIGGERSTREAM_KAFKA__SASL_PASSWORD_FILE": str(missing)})

        assert str(missing) in problem
        assert "No such file" in problem

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("TRIGGERSTREAM_HTTP__ADMIN_TOKEN", "hunter2"),
            ("TRIGGERSTREAM_SENDER__WEBHOOKS", '{"crm": {"url": "hunter2"}}'),
            ("TRIGGERSTREAM_SENDER__WEBHOOKS", '{"hunter2'),
        ],
    )
    def test_a_wrong_secret_is_not_repeated(self, name: str, value: str) -> None:
        [problem] = problems({name: value})

        assert problem.startswith(f"{name}: required is ")
        assert "hunter2" not in problem

    def test_settings_do_not_print_their_secrets(self) -> None:
        settings = load_settings({"TRIGGERSTREAM_HTTP__ADMIN_TOKEN": "correct horse battery"})

        assert "horse" not in repr(settings)


class TestSettingsThatNeedEachOther:
    def test_sasl_requires_a_user_and_a_password(self) -> None:
        [problem] = problems({"TRIGGERSTREAM_KAFKA__SECURITY": "sasl_ssl"})

        assert "requires TRIGGERSTREAM_KAFKA__SASL_USERNAME" in problem

    def test_a_password_without_sasl_is_refused(self) -> None:
        [problem] = problems({"TRIGGERSTREAM_KAFKA__SASL_PASSWORD": "x"})

        assert problem.endswith("found plaintext")

    def test_a_certificate_requires_its_key(self) -> None:
        [problem] = problems({"TRIGGERSTREAM_KAFKA__TLS_CERT": "client.pem"})

        assert problem.endswith("found only the certificate")

    def test_a_mail_server_requires_a_sender(self) -> None:
        [problem] = problems({"TRIGGERSTREAM_SENDER__SMTP__HOST": "mail.example"})

        assert problem.startswith("TRIGGERSTREAM_SENDER__SMTP__SENDER: ")

    @pytest.mark.parametrize("link", ["ftp://example.com", "https://", "https://example.com/a b"])
    def test_the_link_to_unsubscribe_is_one_for_the_web(self, link: str) -> None:
        [problem] = problems({"TRIGGERSTREAM_SENDER__SMTP__UNSUBSCRIBE_URL": link})

        assert "SMTP__UNSUBSCRIBE_URL: required is an http or https address" in problem

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
    def test_customers_are_shown_to_this_machine_without_a_token(self, host: str) -> None:
        assert load_settings({"TRIGGERSTREAM_HTTP__HOST": host}).http.serves_customers

    def test_customers_are_not_shown_to_others_without_a_token(self) -> None:
        assert not load_settings({"TRIGGERSTREAM_HTTP__HOST": "192.0.2.1"}).http.serves_customers


class TestRetention:
    @pytest.mark.parametrize("topic", ["EVENTS", "ACTIONS", "INBOX"])
    def test_what_is_read_again_must_be_kept_for_as_long_as_an_outage_may_last(
        self, topic: str
    ) -> None:
        outage = {"TRIGGERSTREAM_RETENTION__OUTAGE": "2d"}
        name = f"TRIGGERSTREAM_RETENTION__{topic}"

        load_settings(outage | {name: "2d"})
        [problem] = problems(outage | {name: "47h"})

        assert problem == (
            f"{name}: required is at least TRIGGERSTREAM_RETENTION__OUTAGE, which is 2d; found 47h"
        )

    def test_a_changelog_keeps_an_hour_at_least(self) -> None:
        name = "TRIGGERSTREAM_RETENTION__CHANGELOGS"

        load_settings({name: "1h"})
        [problem] = problems({name: "59m"})

        assert problem.startswith(f"{name}: required is at least 1h")

    def test_what_is_no_duration_is_told_with_what_is_one(self) -> None:
        [problem] = problems({"TRIGGERSTREAM_RETENTION__EVENTS": "2 weeks"})

        assert problem == (
            "TRIGGERSTREAM_RETENTION__EVENTS: required is a duration such as 14d, or forever; "
            "found '2 weeks' (a positive whole number and a unit (ms, s, m, h, d or w), such as "
            "30m)"
        )


def test_how_a_value_is_checked_is_not_told_but_what_is_required() -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings(
            {
                "TRIGGERSTREAM_KAFKA__BOOTSTRAP": "nowhere",
                "TRIGGERSTREAM_SENDER__WEBHOOKS": '{"crm": {"url": "https://a.b", "secret": "x"}}',
            }
        )

    first, second = str(wrong.value).splitlines()
    assert first == (
        "TRIGGERSTREAM_KAFKA__BOOTSTRAP: required is brokers as host:port, separated by commas; "
        "found 'nowhere'"
    )
    assert second.endswith("found a value that is not shown (at crm.secret: there is no such key)")
