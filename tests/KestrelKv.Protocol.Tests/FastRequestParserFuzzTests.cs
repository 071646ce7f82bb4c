using System.Text;
using KestrelKv.Testing;
using static KestrelKv.Protocol.Tests.FastParsing;

namespace KestrelKv.Protocol.Tests;

/// <summary>Compares the fast parser with the general parser on random bodies.</summary>
/// <remarks>Skipped bodies cost almost nothing, so these tests try very many.</remarks>
public sealed class FastRequestParserFuzzTests
{
    private static readonly int Rounds = (int)(100_000 * Math.Max(1, SoakTime.Duration.TotalSeconds / 6));

    private static readonly RequestLimits[] Limits =
    [
        new(), new() { KeyBytesMax = 6, JsonDepthMax = 3 }, new() { KeyBytesMax = 40, JsonDepthMax = 512 },
        new() { JsonDepthMax = 62 }, new() { JsonDepthMax = 63 }, new() { JsonDepthMax = 64 }, new() { JsonDepthMax = 65 },
    ];

    private static readonly byte[][] Odd =
    [
        .. ((string[])[
            "{", "}", "[", "]", ",", ":", "\"", "\\", " ", "\n", "\t", "\r", "\0", "\u001f", "\u007f", "é", "😀", "\uFEFF", "\v", "/",
            "\\u", "\\u00", "\\u0061", "\\ud800", "\\uD83D\\uDE00", "\\n", "\\/", "\\x", "\\\"", "\\\\", "\"\"", "\":", "\": ", ", \"",
            "-0", "01", "1.", ".1", "1e", "1E+5", "-", "+1", "1e-", "-01", "0.0", "00", "0e0", "NaN", "-Infinity", "tru", "nulll", "True",
            ",\"", "{}", "[]", "{]", "[}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{,}", "[,]",
            ", \"meta\": true", ",\"meta\":true", ", \"request_id\": \"r\"", ",\"request_id\":\"r\",\"request_seq\":7",
            ", \"request_seq\": 7",
            "\"obj\": \"b\", ", ", \"val\": 1", ", \"ack\": \"memory\"",
            ", \"id\": 1", "}, \"id\": \"x\"", "}}", "}}}", "}} ", "/**/", "//",
        ]).Select(Encoding.UTF8.GetBytes),
        [0x80], [0xBF], [0xC0, 0x80], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xFF],
    ];

    [Fact]
    public void TryParse_GeneratedRequests_AgreesWithGeneralParserAndParsesMost() => Seeds.Run(random =>
    {
        int parsed = 0;
        for (int round = 0; round < Rounds; round++)
            if (AssertAgrees(Generate(random), Pick(random, Limits))) parsed++;
        Assert.InRange(parsed, Rounds / 2, Rounds);
    });

    [Fact]
    public void TryParse_MutatedRequests_AgreesWithGeneralParser() => Seeds.Run(random =>
    {
        int parsed = 0;
        for (int round = 0; round < Rounds; round++)
        {
            byte[] body = Encoding.UTF8.GetBytes(Generate(random));
            for (int variant = 0; variant < 10; variant++)
                if (AssertAgrees(Mutate(body, random), Pick(random, Limits))) parsed++;
        }
        Assert.True(parsed > Rounds / 2, $"only {parsed} were parsed");
    });

    [Fact]
    public void TryParse_EveryByteChanged_AgreesWithGeneralParser()
    {
        foreach (string text in (string[])[
            """{"func": "GET", "params": {"obj": "key"}}""",
            """{"func":"GET","params":{"obj":"é"},"id":-1.5e3}""",
            """{"func": "PUT", "params": {"obj": "k", "val": {"a": [0, -1.5E+7, true], "\u0062": "\n😀"}}, "id": "x"}""",
            """{"func":"PUT","params":{"obj":"k","val":[{"a":null,"b":false},{},[]]}}""",
            """{"func": "GET", "params": {"obj": "key", "meta": true}, "id": 1}""",
            """{"func": "PUT", "params": {"obj": "k", "val": 1, "meta": true, "request_id": "é-1", "request_seq": 12}}"""])
        {
            byte[] body = Encoding.UTF8.GetBytes(text);
            for (int at = 0; at <= body.Length; at++)
            {
                AssertAgrees(body[..at], Limits[0]);
                if (at < body.Length) AssertAgrees([.. body[..at], .. body[(at + 1)..]], Limits[0]);
                for (int value = 0; value < 256; value++)
                {
                    AssertAgrees([.. body[..at], (byte)value, .. body[at..]], Limits[0]);
                    if (at < body.Length) AssertAgrees([.. body[..at], (byte)value, .. body[(at + 1)..]], Limits[0]);
                }
            }
        }
    }

    private static string Generate(Random random)
    {
        string space = random.Next(2) == 0 ? " " : "";
        var body = new StringBuilder();
        bool put = random.Next(3) > 0;
        body.Append($"{{\"func\":{space}\"{(put ? "PUT" : "GET")}\",{space}\"params\":{space}{{\"obj\":{space}\"{Key(random)}\"");
        if (put)
        {
            body.Append($",{space}\"val\":{space}");
            AppendValue(body, random, random.Next(6), random.Next(8) == 0 ? "\n  " : space);
        }
        body.Append('}');
        if (random.Next(4) == 0) body.Append($",{space}\"id\":{space}{(random.Next(2) == 0 ? Number(random) : Quoted(random))}");
        return body.Append('}').ToString();
    }

    private static string Key(Random random) => random.Next(8) switch
    {
        0 => new string('k', random.Next(5, 8)),
        1 => new string('k', random.Next(38, 42)),
        2 => new string('k', random.Next(4_094, 4_098)),
        3 => $"ключ {random.Next(9)}",
        _ => $"key:{random.Next(99)}",
    };

    private static void AppendValue(StringBuilder text, Random random, int depth, string space)
    {
        switch (depth == 0 ? random.Next(7, 10) : random.Next(10))
        {
            case 0:
                int deep = random.Next(4) == 0 ? random.Next(60, 67) : random.Next(1, 5);
                text.Append(random.Next(2) == 0 ? Parsing.Nested(deep) : Parsing.NestedObjects(deep));
                break;
            case < 4:
                AppendAll(text, random, '{', '}', space, () =>
                {
                    text.Append(Quoted(random)).Append(':').Append(space);
                    AppendValue(text, random, depth - 1, space);
                });
                break;
            case < 7:
                AppendAll(text, random, '[', ']', space, () => AppendValue(text, random, depth - 1, space));
                break;
            case 7:
                text.Append(Number(random));
                break;
            case 8:
                text.Append(Quoted(random));
                break;
            default:
                text.Append(Pick(random, ["true", "false", "null"]));
                break;
        }
    }

    private static void AppendAll(StringBuilder text, Random random, char begin, char end, string space, Action append)
    {
        text.Append(begin);
        int count = random.Next(4);
        for (int i = 0; i < count; i++)
        {
            if (i > 0) text.Append(',').Append(space);
            append();
        }
        text.Append(end);
    }

    private static string Number(Random random) => random.Next(4) switch
    {
        0 => $"{random.Next(-9, 99)}",
        1 => $"{random.NextInt64(long.MinValue, long.MaxValue)}",
        2 => $"{random.Next(-9, 99)}.{random.Next(999):D3}",
        _ => $"-{random.Next(9)}.{random.Next(99)}{Pick(random, ["e", "E", "e+", "E-"])}{random.Next(400)}",
    };

    private static string Quoted(Random random)
    {
        var text = new StringBuilder("\"");
        for (int n = random.Next(4) == 0 ? random.Next(12) : random.Next(3); n > 0; n--)
        {
            text.Append(Pick(random,
                ["a", "B7", " ", "some text", new string('x', 30), "é", "😀", "\\n", "\\\"", "\\u00e9", "\\ud800", "\u007f"]));
        }
        return text.Append('"').ToString();
    }

    private static byte[] Mutate(byte[] valid, Random random)
    {
        List<byte> body = [.. valid];
        for (int n = random.Next(1, 3); n > 0; n--)
        {
            int at = random.Next(body.Count + 1);
            int length = random.Next(Math.Min(12, body.Count - at + 1));
            switch (random.Next(8))
            {
                case 0: body.RemoveRange(at, length); break;
                case 1: body.RemoveRange(at, body.Count - at); break;
                case 2 or 3: body.InsertRange(at, Pick(random, Odd)); break;
                case 4: body.InsertRange(random.Next(body.Count + 1), body.GetRange(at, length)); break;
                case 5 when at < body.Count: body[at] = (byte)random.Next(256); break;
                case 6 when at < body.Count: body[at] ^= (byte)(1 << random.Next(8)); break;
                case 7 when at + length <= body.Count:
                    body.RemoveRange(at, length);
                    body.InsertRange(at, Pick(random, Odd));
                    break;
            }
        }
        return [.. body];
    }

    private static T Pick<T>(Random random, T[] from) => from[random.Next(from.Length)];
}
