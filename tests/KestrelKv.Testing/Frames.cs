using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace KestrelKv.Testing;

/// <summary>Builds requests and replies, and reads replies, as clients do.</summary>
public static class Frames
{
    public static byte[] Of(string body) => Of(Encoding.UTF8.GetBytes(body));

    public static byte[] Of(ReadOnlySpan<byte> body) => [.. Header(1, body.Length), .. body];

    /// <summary>Returns a header with any version and length.</summary>
    public static byte[] Header(int version, int length)
    {
        byte[] header = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(header, version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), length);
        return header;
    }

    public static string Get(string key) => $"{{\"func\": \"GET\", \"params\": {{\"obj\": {JsonString(key)}}}}}";

    /// <summary>Returns the body of a PUT; <paramref name="value"/> is JSON text.</summary>
    public static string Put(string key, string value) =>
        $"{{\"func\": \"PUT\", \"params\": {{\"obj\": {JsonString(key)}, \"val\": {value}}}}}";

    public static string PutReply(string key) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": \"PUT\", \"response\": {{\"obj\": {JsonString(key)}, \"response\": \"ok\"}}}}}}";

    public static string GetReply(string key, string value) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": \"GET\", \"response\": {{\"obj\": {JsonString(key)}, \"val\": {value}}}}}}}";

    public static string UnknownReply(string function) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": {JsonString(function)}, \"response\": \"ERROR - Function doesn't exist\"}}}}";

    public static byte[] Stream(IEnumerable<string> bodies) => [.. bodies.SelectMany(Of)];

    /// <summary>Returns the bodies of consecutive whole frames. Fails if other bytes follow.</summary>
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

    /// <summary>Returns the code of an error reply, or the reply itself if it is not an error.</summary>
    public static string ErrorCode(string reply)
    {
        using JsonDocument document = JsonDocument.Parse(reply);
        return document.RootElement.TryGetProperty("error", out var error) ? error.GetProperty("code").GetString()! : reply;
    }

    /// <summary>Fails unless a reply is an error with this code and this part of its message.</summary>
    public static void AssertError(string? reply, string code, string message)
    {
        Assert.StartsWith($"{{\"status\": \"ERROR\", \"error\": {{\"code\": \"{code}\", \"message\": \"", reply, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(reply!);
        JsonElement error = document.RootElement.GetProperty("error");
        Assert.Equal(["status", "error"], document.RootElement.EnumerateObject().Select(member => member.Name));
        Assert.Equal(["code", "message"], error.EnumerateObject().Select(member => member.Name));
        Assert.Contains(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private static string JsonString(string text) => JsonSerializer.Serialize(text);
}
