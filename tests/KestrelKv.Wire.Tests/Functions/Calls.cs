using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Builds requests and replies of any function, and compares them.</summary>
internal static class Calls
{
    /// <summary>Returns the body of a request. Parameters, ids and responses are JSON text.</summary>
    public static string Request(string function, string parameters = "{}") => $"{{\"func\": \"{function}\", \"params\": {parameters}}}";

    public static string RequestWithId(string function, string parameters, string id) =>
        $"{{\"func\": \"{function}\", \"params\": {parameters}, \"id\": {id}}}";

    public static string Reply(string function, string response) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": \"{function}\", \"response\": {response}}}}}";

    public static string ReplyWithId(string function, string response, string id) => $"{Reply(function, response)[..^1]}, \"id\": {id}}}";

    public static void AssertCall(this TestClient client, string function, string parameters, string response) =>
        Assert.Equal(Reply(function, response), client.Call(Request(function, parameters)));

    /// <summary>Sends a request, checks that it is refused, and returns the reply.</summary>
    public static string AssertRefused(this TestClient client, string function, string parameters, string code)
    {
        string reply = client.Call(Request(function, parameters));
        Assert.Equal(code, Frames.ErrorCode(reply));
        return reply;
    }
}
