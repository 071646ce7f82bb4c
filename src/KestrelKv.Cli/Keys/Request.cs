using System.Text.Json;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Keys;

/// <summary>Parameters of requests that the program writes itself.</summary>
internal static class Request
{
    /// <summary>Returns an id with which the client can repeat a write, and the server executes it once.</summary>
    public static string NewId() => $"kkv-{Guid.NewGuid():N}";

    /// <summary>Returns the members of an object, without braces.</summary>
    public static byte[] Members(Action<Utf8JsonWriter> write) => EntryJson.Object(write)[1..^1];
}
