using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace KestrelKv.Testing;

/// <summary>Frames as clients make them.</summary>
public static class Frames
{
    /// <summary>A frame with this body.</summary>
    public static byte[] Of(string body) => Of(Encoding.UTF8.GetBytes(body));

    /// <summary>A frame with this body.</summary>
    public static byte[] Of(ReadOnlySpan<byte> body) => [.. Header(1, body.Length), .. body];

    /// <summary>A header that says what it likes.</summary>
    public static byte[] Header(int version, int length)
    {
        byte[] header = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(header, version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), length);
        return header;
    }

    /// <summary>The body of a GET.</summary>
    public static string Get(string key) => $"{{\"func\": \"GET\", \"params\": {{\"obj\": {JsonString(key)}}}}}";

    /// <summary>The body of a PUT; <paramref name="value"/> is JSON text.</summary>
    public static string Put(string key, string value) =>
        $"{{\"func\": \"PUT\", \"params\": {{\"obj\": {JsonString(key)}, \"val\": {value}}}}}";

    /// <summary>The reply's body to a PUT.</summary>
    public static string PutReply(string key) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": \"PUT\", \"response\": {{\"obj\": {JsonString(key)}, \"response\": \"ok\"}}}}}}";

    /// <summary>The reply's body to a GET.</summary>
    public static string GetReply(string key, string value) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": \"GET\", \"response\": {{\"obj\": {JsonString(key)}, \"val\": {value}}}}}}}";

    /// <summary>The reply's body to a function that there is not.</summary>
    public static string UnknownReply(string function) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": {JsonString(function)}, \"response\": \"ERROR - Function doesn't exist\"}}}}";

    /// <summary>Frames with these bodies, one behind the other.</summary>
    public static byte[] Stream(IEnumerable<string> bodies) => [.. bodies.SelectMany(Of)];

    /// <summary>The bodies of whole frames, one behind the other; whatever is left over fails the test.</summary>
    public static List<string> Bodies(ReadOnlySpan<byte> frames)
    {
        List<string> bodies = [];
        while (!frames.IsEmpty)
        {
            Assert.Equal(1, BinaryPrimitives.ReadInt32LittleEndian(frames));
            int length = BinaryPrimitives.ReadInt32LittleEndian(frames[4..]);
            bodies.Add(Encoding.UTF8.GetString(frames.Slice(8, length)));
            frames = frames[(8 + length)..];
        }
        return bodies;
    }

    /// <summary>The code of an error's reply; the reply itself where it is none.</summary>
    public static string ErrorCode(string reply)
    {
        using JsonDocument document = JsonDocument.Parse(reply);
        return document.RootElement.TryGetProperty("error", out var error) ? error.GetProperty("code").GetString()! : reply;
    }

    /// <summary>Fails where this is not an error's reply with this code.</summary>
    /// <param name="reply">The reply's body; null for none.</param>
    /// <param name="code">The code.</param>
    /// <param name="told">Part of the message.</param>
    public static void AssertError(string? reply, string code, string told)
    {
        Assert.StartsWith($"{{\"status\": \"ERROR\", \"error\": {{\"code\": \"{code}\", \"message\": \"", reply, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(reply!);
        JsonElement error = document.RootElement.GetProperty("error");
        Assert.Equal(["status", "error"], document.RootElement.EnumerateObject().Select(member => member.Name));
        Assert.Equal(["code", "message"], error.EnumerateObject().Select(member => member.Name));
        Assert.Contains(told, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private static string JsonString(string text) => JsonSerializer.Serialize(text);
}
