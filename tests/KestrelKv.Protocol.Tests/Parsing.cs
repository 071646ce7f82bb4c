using System.Text;

namespace KestrelKv.Protocol.Tests;

/// <summary>Parses requests from text, and compares their parts as text.</summary>
internal static class Parsing
{
    public static Request Parse(string body, RequestLimits? limits = null) => Parse(Encoding.UTF8.GetBytes(body), limits);

    public static Request Parse(byte[] body, RequestLimits? limits = null)
    {
        RequestParser.Parse(body, limits ?? new(), out Request request);
        return request;
    }

    public static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    public static void AssertGet(string body, string key, string? nameText = null)
    {
        Request request = Parse(body);
        Assert.Equal((Function.Get, null, key), (request.Function, request.Error, Text(request.Key)));
        Assert.Equal(nameText ?? $"\"{key}\"", Text(request.NameText));
        Assert.True(request.Value.IsEmpty);
    }

    public static void AssertPut(string body, string key, string value, RequestLimits? limits = null)
    {
        Request request = Parse(body, limits);
        Assert.Equal((Function.Put, null, key), (request.Function, request.Error, Text(request.Key)));
        Assert.Equal(value, Text(request.Value));
    }

    public static void AssertRefused(Request request, ErrorCode code, string expected)
    {
        Assert.Equal((Function.Invalid, code), (request.Function, request.Error?.Code));
        Assert.Contains(expected, request.Error!.Message, StringComparison.Ordinal);
    }

    /// <summary>Returns arrays with a nesting of <paramref name="depth"/>.</summary>
    public static string Nested(int depth) => new string('[', depth) + new string(']', depth);

    /// <summary>Returns objects with a nesting of <paramref name="depth"/>.</summary>
    public static string NestedObjects(int depth) =>
        string.Concat(Enumerable.Repeat("{\"a\":", depth - 1)) + "{}" + new string('}', depth - 1);
}
