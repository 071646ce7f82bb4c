using System.Text;

namespace KestrelKv.Protocol.Tests;

/// <summary>Compares the fast parser with the general one.</summary>
internal static class FastParsing
{
    public static bool IsParsed(string body, RequestLimits? limits = null) =>
        FastRequestParser.TryParse(Encoding.UTF8.GetBytes(body), limits ?? new(), out _);

    /// <summary>Asserts that the fast parser skips a body, or parses the body like the general parser.</summary>
    /// <returns>Whether the fast parser parsed it.</returns>
    public static bool AssertAgrees(byte[] body, RequestLimits limits)
    {
        if (!FastRequestParser.TryParse(body, limits, out Request parsed)) return false;
        AssertEqual(body, RequestParser.ParseGeneral(body, limits), parsed);

        // An operation of a batch has neither.
        if (parsed.IdText.IsEmpty && !parsed.HasRequestId) AssertEqual(body, RequestParser.ParseGeneralOperation(body, limits), parsed);
        return true;
    }

    public static bool AssertAgrees(string body, RequestLimits limits) => AssertAgrees(Encoding.UTF8.GetBytes(body), limits);

    private static void AssertEqual(byte[] body, in Request general, in Request parsed)
    {
        try
        {
            Assert.Null(general.Error);
            Assert.Null(parsed.Error);
            Assert.Equal(Normal(general.Options), Normal(parsed.Options));
            Assert.Equal((general.Function, general.AcknowledgeFromMemory), (parsed.Function, parsed.AcknowledgeFromMemory));
            AssertSame(general.NameText, parsed.NameText);
            AssertSame(general.Key, parsed.Key);
            AssertSame(general.Value, parsed.Value);
            AssertSame(general.IdText, parsed.IdText);
            AssertSame(general.RequestId, parsed.RequestId);
            Assert.Equal((general.RequestSequence, general.HasRequestId), (parsed.RequestSequence, parsed.HasRequestId));
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Body {Convert.ToHexString(body)} ({Encoding.UTF8.GetString(body)}): {e.Message}", e);
        }
    }

    /// <summary>
    /// Returns options without the defaults that only other functions use, and without the request id, which needs none. Equal slices
    /// refer to the same memory.
    /// </summary>
    private static RequestOptions Normal(RequestOptions? options) => (options ?? RequestOptions.None) with
    {
        Limit = 0, BookmarkInterval = default, RequestId = default, RequestSequence = 0,
    };

    /// <summary>Asserts that two slices refer to the same memory.</summary>
    private static void AssertSame(ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.True(expected.IsEmpty || expected.Equals(actual), "the slices differ");
    }
}
