using System.Text.Json;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Keys;

/// <summary>The operations of a batch: a JSON array, or JSON objects one after the other (NDJSON).</summary>
/// <param name="Json">The operations as the elements of a JSON array, without brackets. Each is copied byte for byte.</param>
/// <param name="Names">The function and the key of each operation, for tables. A text is empty if the operation has none.</param>
internal sealed record BatchOperations(byte[] Json, IReadOnlyList<(string Function, string Key)> Names)
{
    /// <exception cref="CommandFailure">The text is neither form.</exception>
    public static BatchOperations Parse(ReadOnlySpan<byte> text)
    {
        var json = new MemoryStream(text.Length + 16);
        var names = new List<(string, string)>();
        try
        {
            var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = 100_000, AllowMultipleValues = true });
            bool isArray = text.TrimStart(" \t\r\n"u8) is [(byte)'[', ..];
            if (isArray) reader.Read();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                int start = (int)reader.TokenStartIndex;
                Utf8JsonReader operation = reader;
                if (reader.TokenType == JsonTokenType.StartObject) names.Add(NameOf(ref operation));
                else throw CommandFailure.Usage($"Operation {names.Count} is not an object, expected {{\"func\": ..., \"params\": {{...}}}}");
                reader.Skip();
                if (json.Length > 0) json.Write(","u8);
                json.Write(text[start..(int)reader.BytesConsumed]);
            }
            if (isArray && reader.Read())
                throw CommandFailure.Usage("There is text after the array of operations, expected one array, or one object on each line");
        }
        catch (JsonException e)
        {
            throw CommandFailure.Usage($"The operations are not JSON, expected an array, or one object on each line: {PlainMessage.Of(e)}");
        }
        if (names.Count == 0) throw CommandFailure.Usage("There are no operations, expected a JSON array, or one object on each line");
        return new(json.ToArray(), names);
    }

    private static (string Function, string Key) NameOf(ref Utf8JsonReader reader)
    {
        (string function, string key) = ("", "");
        int depth = reader.CurrentDepth;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            bool isName = reader.TokenType == JsonTokenType.PropertyName;
            if (isName && reader.CurrentDepth == depth + 1 && reader.ValueTextEquals("func"u8)) function = NextText(ref reader);
            else if (isName && reader.CurrentDepth == depth + 2 && reader.ValueTextEquals("obj"u8)) key = NextText(ref reader);
        }
        return (function, key);
    }

    private static string NextText(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
}
