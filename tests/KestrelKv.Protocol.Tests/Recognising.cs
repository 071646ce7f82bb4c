using System.Text;

namespace KestrelKv.Protocol.Tests;

/// <summary>The recogniser held against the general parser.</summary>
internal static class Recognising
{
    public static bool IsRecognised(string body, RequestLimits? limits = null) =>
        RequestRecogniser.TryRead(Encoding.UTF8.GetBytes(body), limits ?? new(), out _);

    /// <summary>Fails where the recogniser reads a request otherwise than the general parser; it need not read any.</summary>
    /// <returns>Whether it does.</returns>
    public static bool AssertAgrees(byte[] body, RequestLimits limits)
    {
        if (!RequestRecogniser.TryRead(body, limits, out Request recognised)) return false;
        Request general = RequestParser.ParseGeneral(body, limits);
        try
        {
            Assert.Null(general.Error);
            Assert.Null(recognised.Error);
            Assert.Null(general.Options);
            Assert.Null(recognised.Options);
            Assert.Equal((general.Function, general.AcknowledgeFromMemory), (recognised.Function, recognised.AcknowledgeFromMemory));
            AssertSame(general.NameText, recognised.NameText);
            AssertSame(general.Key, recognised.Key);
            AssertSame(general.Value, recognised.Value);
            AssertSame(general.IdText, recognised.IdText);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Body {Convert.ToHexString(body)} ({Encoding.UTF8.GetString(body)}): {e.Message}", e);
        }
        return true;
    }

    public static bool AssertAgrees(string body, RequestLimits limits) => AssertAgrees(Encoding.UTF8.GetBytes(body), limits);

    /// <summary>The same bytes at the same place.</summary>
    private static void AssertSame(ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.True(expected.IsEmpty || expected.Equals(actual), "the slices differ");
    }
}
