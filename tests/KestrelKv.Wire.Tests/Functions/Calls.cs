using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Requests and replies of any function.</summary>
internal static class Calls
{
    /// <summary>The body of a request; <paramref name="parameters"/> is the JSON text of an object.</summary>
    public static string Request(string function, string parameters = "{}") => $"{{\"func\": \"{function}\", \"params\": {parameters}}}";

    /// <summary>The same with an id, which is JSON text.</summary>
    public static string RequestWithId(string function, string parameters, string id) =>
        $"{{\"func\": \"{function}\", \"params\": {parameters}, \"id\": {id}}}";

    /// <summary>The reply's body; <paramref name="response"/> is JSON text.</summary>
    public static string Reply(string function, string response) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": \"{function}\", \"response\": {response}}}}}";

    /// <summary>The same with an id.</summary>
    public static string ReplyWithId(string function, string response, string id) => $"{Reply(function, response)[..^1]}, \"id\": {id}}}";

    /// <summary>Sends a request and checks its reply.</summary>
    public static void AssertCall(this TestClient client, string function, string parameters, string response) =>
        Assert.Equal(Reply(function, response), client.Call(Request(function, parameters)));

    /// <summary>Sends a request and checks that it is refused; gives the reply.</summary>
    public static string AssertRefused(this TestClient client, string function, string parameters, string code)
    {
        string reply = client.Call(Request(function, parameters));
        Assert.Equal(code, Frames.ErrorCode(reply));
        return reply;
    }
}
