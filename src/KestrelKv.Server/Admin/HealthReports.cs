using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KestrelKv.Server.Admin;

/// <summary>Writes the response of /health/ready, such as <c>Unhealthy: the disk has failed: ...</c>.</summary>
internal static class HealthReports
{
    public static Task WriteAsync(HttpContext http, HealthReport report)
    {
        string[] reasons = [.. report.Entries.Values.Where(entry => entry.Status != HealthStatus.Healthy).Select(Reason)];
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync(
            reasons.Length == 0 ? $"{report.Status}" : $"{report.Status}: {string.Join("; ", reasons)}", http.RequestAborted);
    }

    /// <summary>Writes the status only. The reasons are for users.</summary>
    public static Task WriteStatusAsync(HttpContext http, HealthReport report)
    {
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync($"{report.Status}", http.RequestAborted);
    }

    private static string Reason(HealthReportEntry entry) => entry.Description ?? entry.Exception?.Message ?? "the health check timed out";
}
