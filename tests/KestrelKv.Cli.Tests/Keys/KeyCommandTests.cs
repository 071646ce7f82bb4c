using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;

namespace KestrelKv.Cli.Tests.Keys;

/// <summary>The commands on keys, in a pipe: output, errors and exit codes. Each line of a case is a command and its expected result.</summary>
public sealed class KeyCommandTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    /// <summary>Cases: a name, which is also the prefix of its keys, and the commands with exit codes, output and errors.</summary>
    public static TheoryData<string, string[], string> Cases() => new()
    {
        { "del one", ["put @1 1", "del @1", "del @1"], """
            0 {"key":"@1","existed":false,"version":V,"expires_at":null}
            0 {"key":"@1","existed":true,"version":V}
            1 {"key":"@1","existed":false,"version":0}
            """ },
        { "del many", ["put @1 1", "put @2 2 -o raw", "del @1 @3 @2 --old", "del @1 @2 --if-exists", "del @1 @2 --if-version 3"], """
            0 {"key":"@1","existed":false,"version":V,"expires_at":null}
            0
            1 {"key":"@1","existed":true,"version":V,"old":1}
            {"key":"@3","existed":false,"version":0,"old":null}
            {"key":"@2","existed":true,"version":V,"old":2}
            3 kkv: The precondition does not hold for "@1": it is missing; nothing was changed.
            2 kkv: --if-version is given with 2 keys, expected one key.
            """ },
        { "patch", ["put @1 {\"a\":1.0}", "patch @1 {\"b\":[2]}", "patch @1 [{\"op\":\"remove\",\"path\":\"/a\"}]", "get @1",
            "patch @1 [{\"op\":\"test\",\"path\":\"/b\",\"value\":3}]", "patch @1 [{\"op\":\"remove\",\"path\":\"/x\"}]", "patch @2 []", "patch @1 {"], """
            0 {"key":"@1","existed":false,"version":V,"expires_at":null}
            0 {"key":"@1","existed":true,"version":V,"expires_at":null}
            0 {"key":"@1","existed":true,"version":V,"expires_at":null}
            0 {"b":[2]}
            3 kkv: A test of the patch does not hold for "@1"; nothing was changed.
            1 kkv: The part of the value of "@1" is missing.
            1 kkv: The key "@2" is missing.
            2 kkv: The value { is not JSON: Expected depth to be zero at the end of the JSON payload. There is an open JSON object or array that should be closed (line 1, byte 2). Quote it for the shell, or use --text to store it as a string.
            """ },
        { "incr", ["incr @1", "incr @1 -3", "incr @1 0.10", "incr @1 9007199254740993", "incr @1 -o json", "incr @2 1 --path /a/b --ttl 100 -o ndjson", "incr @1 --raw",
            "incr @1 --if-version 0", "incr @1 x", "put @3 \"x\" --text --if-absent", "incr @3", "incr @3 -o json"], """
            0 1
            0 -2
            0 -1.90
            0 9007199254740991.10
            0 {"key":"@1","value":9007199254740992.10,"existed":true,"version":V,"expires_at":null}
            0 {"key":"@2","value":1,"existed":false,"version":V,"expires_at":T}
            0 9007199254740993.10
            3 kkv: the precondition does not hold: the entry has version V (precondition_failed).
            2 kkv: The addend is x, expected a number such as 5, -1 or 0.25.
            0 {"key":"@3","existed":false,"version":V,"expires_at":null}
            5 kkv: the value to increment is not a number (not_a_number).
            5 {"error":{"code":"not_a_number","message":"the value to increment is not a number (not_a_number)","exit_code":5}}
            """ },
        { "expire", ["put @1 1", "expire @1 --ttl 100", "expire @1 --persist", "expire @1 --expires-at 2100-01-01T00:00:00Z", "expire @2 --ttl 1", "expire @1", "expire @1 --ttl 0",
            "expire @1 --ttl 1 --persist"], """
            0 {"key":"@1","existed":false,"version":V,"expires_at":null}
            0 {"key":"@1","existed":true,"version":V,"expires_at":T}
            0 {"key":"@1","existed":true,"version":V,"expires_at":null}
            0 {"key":"@1","existed":true,"version":V,"expires_at":T}
            1 kkv: The key "@2" is missing.
            2 kkv: No expiry is given, expected --ttl, --expires-at or --persist.
            2 kkv: --ttl is 0, expected seconds, more than 0.
            2 kkv: Several of --ttl, --expires-at and --persist are given, expected one of them.
            """ },
        { "mget", ["put @1 {\"a\":1e2}", "mget @1 @2", "mget @1 @2 --raw", "mget @1 -o json", "mget @1 --path /a -o raw", "mget"], """
            0 {"key":"@1","existed":false,"version":V,"expires_at":null}
            1 {"key":"@1","found":true,"value":{"a":1e2},"version":V,"expires_at":null}
            {"key":"@2","found":false}
            1 {"a":1e2}
            0 [{"key":"@1","found":true,"value":{"a":1e2},"version":V,"expires_at":null}]
            0 1e2
            2 kkv: Required argument 'key' missing for command: 'mget'. See kkv mget --help.
            """ },
        { "scan", ["put @a:1 1.0 -o raw", "put @a:2 2 -o raw", "put @b 3 -o raw", "scan @", "scan @ --keys", "scan @ --keys -o json", "scan @ --values -n 1", "scan @ --values --raw",
            "scan @ -k --descending --after @b", "scan @ -k --until @a:2", "scan @ --delimiter :", "scan @ --delimiter : -o raw", "scan @x", "scan @x -o json", "scan @ -n 0",
            "scan @ --values --keys", "count @", "count @a -o json"], """
            0
            0
            0
            0 {"key":"@a:1","version":V,"expires_at":null}
            {"key":"@a:2","version":V,"expires_at":null}
            {"key":"@b","version":V,"expires_at":null}
            0 @a:1
            @a:2
            @b
            0 ["@a:1",
            "@a:2",
            "@b"]
            0 {"key":"@a:1","value":1.0,"version":V,"expires_at":null}
            0 1.0
            2
            3
            0 @a:2
            @a:1
            0 @a:1
            0 {"prefix":"@a:","keys":2}
            {"key":"@b"}
            0 @a:
            @b
            0
            0 []
            2 kkv: --limit is 0, expected 1 or more.
            2 kkv: --values and --keys are both given, expected one of them. See kkv scan --help.
            0 3
            0 {"prefix":"@a","count":2}
            """ },
        { "call", ["call PUT {\"obj\":\"@1\",\"val\":1.0}", "call GET {\"obj\":\"@1\"} --raw", "call GET []", "call SHOUT", "call WATCH", "call GET {\"x\":1}", "call PUT {} --read-only"], """
            0 {"obj":"@1","response":"ok"}
            0 {"obj": "@1", "val": 1.0}
            2 kkv: The parameters are not a JSON object, expected one such as {"obj": "user:1"}.
            5 kkv: The function SHOUT does not exist, expected one that kkv call HELP lists. Names are case-sensitive.
            2 kkv: The function is WATCH, expected one that concerns no connection: not AUTH, WATCH or UNWATCH.
            5 kkv: unknown parameter "x" of GET, expected "obj" and optionally "path", "meta", "touch", "ack" (unknown_parameter).
            2 kkv: The function PUT writes, and the session is read-only (--read-only, KKV_READ_ONLY, or the context).
            """ },
        { "usage", ["nope", "get", "get @1 --read-only --touch 5", "put @1 1 --read-only", "get @1 --timeout 0", "context add"], """
            2 kkv: The command nope does not exist. See kkv --help.
            2 kkv: Required argument 'key' missing for command: 'get'. See kkv get --help.
            2 kkv: The option --touch writes, and the session is read-only (--read-only, KKV_READ_ONLY, or the context).
            2 kkv: The command put writes, and the session is read-only (--read-only, KKV_READ_ONLY, or the context).
            2 kkv: --timeout is 0, expected seconds from 0.001 to 86400.
            2 kkv: Required argument 'name' missing for command: 'add'. See kkv context add --help.
            """ },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Command_InAPipe_PrintsResultsAndReturnsTheExitCode(string name, string[] commands, string expected)
    {
        var kkv = new InProcess(fixture.Server);
        string prefix = name.Replace(' ', '-') + "/";
        var transcript = new System.Text.StringBuilder();
        foreach (string command in commands)
        {
            KkvResult result = await kkv.RunAsync(command.Replace("@", prefix, StringComparison.Ordinal).Split(' '));
            transcript.Append($"{result.ExitCode} {result.Output}{result.Error}".TrimEnd('\n', ' ')).Append('\n');
        }
        Assert.Equal(expected.Replace("@", prefix, StringComparison.Ordinal), transcript.ToString().TrimEnd('\n'));
    }

    [Theory]
    [InlineData("-dash")]
    [InlineData("quote\"'\\")]
    [InlineData("line\nfeed")]
    [InlineData("😀 é")]
    public async Task Key_WithSpecialCharacters_IsWrittenReadListedAndRemoved(string key)
    {
        var kkv = new InProcess(fixture.Server);
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync("put", "--", key, "\"😀\"")).ExitCode);
        Assert.Equal("\"😀\"\n", (await kkv.RunAsync("get", "--", key)).Output);
        string list = (await kkv.RunAsync("scan", "--keys", "-o", "json", "--", key)).Output;
        using var keys = System.Text.Json.JsonDocument.Parse(list);
        Assert.Equal(key, keys.RootElement[0].GetString());
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync("del", "--", key)).ExitCode);
    }

    [Fact]
    public async Task Value_DeepOrLarge_IsPrintedInEveryForm()
    {
        var kkv = new InProcess(fixture.Server);
        var terminal = new InProcess(fixture.Server) { IsTerminal = true };
        foreach (string value in (string[])[new string('[', 1_000) + new string(']', 1_000), "[" + string.Join(',', Enumerable.Range(0, 100_000)) + "]"])
        {
            await kkv.RunWithInputAsync(value, "put", "large");
            Assert.Equal(value, (await kkv.RunAsync("get", "large", "--raw")).Output);
            Assert.Equal(value, (await terminal.RunAsync("get", "large")).Output.Replace("\n", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal));
            Assert.Equal(value + "\n", (await kkv.RunAsync("scan", "large", "--values", "--raw")).Output);
            Assert.Contains(value, (await kkv.RunAsync("mget", "large")).Output, StringComparison.Ordinal);
            Assert.Contains("…", (await terminal.RunAsync("scan", "large", "--values")).Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Value_WithLineFeeds_IsOneLineOfNdjson()
    {
        var kkv = new InProcess(fixture.Server);
        await kkv.RunAsync("put", "lines", "{\n\"a\": 1.0\n}");
        Assert.Equal("{\n\"a\": 1.0\n}", (await kkv.RunAsync("get", "lines", "--raw")).Output);
        Assert.Equal("""{"key":"lines","value":{"a":1.0},"version":V,"expires_at":null}""" + "\n", (await kkv.RunAsync("scan", "lines", "--values")).Output);
    }

    [Fact]
    public async Task Lists_OnATerminal_AreTables()
    {
        var kkv = new InProcess(fixture.Server) { IsTerminal = true };
        await kkv.RunAsync("put", "table:1", "{\"name\": \"Ada\"}", "--expires-at", "4102444800");
        await kkv.RunAsync("incr", "table:22\e", "12");
        string list = System.Text.RegularExpressions.Regex.Replace((await kkv.RunAsync("scan", "table:", "--values")).Output, " [0-9]+ +(never|2100)", " V  $1");
        Assert.Equal("""
            KEY             VERSION  EXPIRES               VALUE
            table:1         V  2100-01-01 00:00:00Z  {"name":"Ada"}
            table:22\u001b  V  never                 12

            """, list);
        Assert.Equal("KEYS  NAME\n2     table:\n", (await kkv.RunAsync("scan", "table", "--delimiter", ":")).Output);
        Assert.Equal(new(ExitCode.Ok, "", "ok, version V\n"), await kkv.RunAsync("patch", "table:1", "{}"));
    }
}
