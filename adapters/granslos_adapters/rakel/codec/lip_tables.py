"""Code tables of the location information protocol (TS 100 392-18-1, clause 6.3)."""

import math

LONGITUDE_BITS = 25
LATITUDE_BITS = 24
DEGREES_PER_LONGITUDE_UNIT = 360.0 / (1 << LONGITUDE_BITS)
DEGREES_PER_LATITUDE_UNIT = 180.0 / (1 << LATITUDE_BITS)
SPEED_UNKNOWN = 127
UNCERTAINTY_BEST_EFFORT = 63
POSITION_ERROR_UNKNOWN = 7
TIME_ELAPSED_UNKNOWN = 3

REASONS: dict[int, str] = {
    0: "subscriber_unit_is_powered_on",
    1: "subscriber_unit_is_powered_off",
    2: "emergency_condition_is_detected",
    3: "push_to_talk_condition_is_detected",
    4: "status",
    5: "transmit_inhibit_mode_on",
    6: "transmit_inhibit_mode_off",
    7: "system_access_tmo_on",
    8: "dmo_on",
    9: "enter_service_after_being_out_of_service",
    10: "service_loss",
    11: "cell_reselection_or_change_of_serving_cell",
    12: "low_battery",
    13: "subscriber_unit_is_connected_to_a_car_kit",
    14: "subscriber_unit_is_disconnected_from_a_car_kit",
    15: "subscriber_unit_asks_for_transfer_initialization_configuration",
    16: "arrival_at_destination",
    17: "arrival_at_a_defined_location",
    18: "approaching_a_defined_location",
    19: "sds_type_1_entered",
    20: "user_application_initiated",
    21: "lost_ability_to_determine_location",
    22: "regained_ability_to_determine_location",
    23: "leaving_point",
    24: "ambience_listening_call_is_detected",
    25: "start_of_temporary_reporting",
    26: "return_to_normal_reporting",
    27: "call_set_up_type_1_is_detected",
    28: "call_set_up_type_2_is_detected",
    29: "positioning_device_in_ms_on",
    30: "positioning_device_in_ms_off",
    32: "response_to_an_immediate_location_request",
    129: "maximum_reporting_interval_exceeded",
    130: "maximum_reporting_distance_exceeded",
}
REASON_EMERGENCY = 2
REASON_STATUS = 4
REASON_SERVICE_LOSS = 10
REASON_LOW_BATTERY = 12
REASON_POSITION_LOST = 21
REASON_REQUESTED = 32
REASON_INTERVAL = 129
REASON_DISTANCE = 130

POSITION_ERROR_M: tuple[float | None, ...] = (2.0, 20.0, 200.0, 2_000.0, 20_000.0, 200_000.0, None, None)
"""Upper bound in metres by position error code; 6 is "more than 200 km", 7 unknown."""
ALTITUDE_UNCERTAINTY_M: tuple[float | None, ...] = (1.0, 2.0, 5.0, 15.0, 50.0, 150.0, 300.0, None)
CONFIDENCE_PERCENT: tuple[float | None, ...] = (50.0, 68.0, 80.0, 90.0, 95.0, 99.0, 99.9, None)

SHAPES = (
    "none",
    "point",
    "circle",
    "ellipse",
    "point_alt",
    "circle_alt",
    "ellipse_alt",
    "circle_alt_uncertainty",
    "ellipse_alt_uncertainty",
    "arc",
    "point_error",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "extended",
)

EXTENSIONS: dict[int, str] = {
    1: "immediate_location_report",
    3: "long_location_report",
    4: "location_report_acknowledgement",
    5: "basic_location_parameters",
    6: "add_modify_trigger",
    7: "remove_trigger",
    8: "report_trigger",
    9: "report_basic_location_parameters",
    10: "location_reporting_enable_disable",
    11: "location_reporting_temporary_control",
    12: "backlog",
}

REPORT_TYPES = (
    "long_location_report_preferred_with_no_time_information",
    "long_location_report_preferred_with_time_elapsed",
    "long_location_report_preferred_with_time_of_position",
    "short_location_report_preferred",
)

ELEMENTS: dict[int, str] = {
    0: "direction_of_travel_and_accuracy",
    1: "extended_user_defined_data",
    2: "horizontal_position_and_accuracy",
    3: "horizontal_velocity_and_accuracy",
    4: "location_information_destination",
    5: "location_altitude_and_accuracy",
    6: "location_message_reference",
    7: "maximum_information_age",
    8: "maximum_response_time",
    9: "default_enable_disable_lifetime",
    11: "request_priority",
    12: "result_code",
    13: "sds_type_1_value",
    14: "start_time",
    15: "status_value",
    16: "stop_time",
    17: "terminal_or_location_identification",
    19: "trigger_definition",
    20: "trigger_removal",
    21: "vertical_velocity_and_accuracy",
    22: "temporary_control_parameter_definition",
    23: "backlog_information_available",
    24: "backlog_continuation_state",
    31: "extended_type_5_element",
}

RESULTS: dict[int, str] = {
    0: "success",
    1: "system_failure",
    2: "unspecified_error",
    3: "unauthorized_application",
    4: "unknown_subscriber",
    5: "absent_subscriber",
    6: "congestion_in_provider",
    7: "congestion_in_mobile_network",
    8: "unsupported_version",
    9: "insufficient_resource",
    10: "syntax_error",
    11: "protocol_element_not_supported",
    12: "service_not_supported",
    13: "protocol_element_value_not_supported",
    14: "type_of_information_not_currently_available",
    15: "required_accuracy_not_achieved",
    17: "reporting_will_stop",
    18: "time_expired",
    19: "disallowed_by_local_regulations",
    21: "no_such_request",
    22: "user_disabled_location_information_report_sending",
    23: "parameter_values_modified",
    24: "accepted",
    25: "accepted_but_some_triggers_or_accuracies_are_modified_or_not_supported",
    26: "triggers_not_supported",
    27: "report_complete",
    28: "backlog_trigger_set_empty",
    81: "position_method_failure",
    200: "insufficient_number_of_positioning_entities",
    201: "bad_positioning_entity_geometry",
}


def _speed(code: int) -> float | None:
    if code == SPEED_UNKNOWN:
        return None
    return float(code) if code <= 28 else 16.0 * 1.038 ** (code - 13)


SPEED_KMH: tuple[float | None, ...] = tuple(_speed(code) for code in range(128))
"""Kilometres an hour by horizontal velocity code; None for 127, unknown."""


def encode_speed(kmh: float | None) -> int:
    """Return the code whose speed is nearest; None becomes "unknown", never 1 123 km/h."""
    if kmh is None:
        return SPEED_UNKNOWN
    if kmh <= 28.5:
        return max(0, round(kmh))
    return min(SPEED_UNKNOWN - 1, max(29, round(13 + math.log(kmh / 16.0) / math.log(1.038))))


def uncertainty_m(code: int) -> float | None:
    """Return metres of a 6 bit horizontal position uncertainty; None for best effort (63)."""
    return None if code == UNCERTAINTY_BEST_EFFORT else 2.0 * 1.2 ** (code + 5) - 4.0


def encode_uncertainty(metres: float | None) -> int:
    """Return the smallest code that promises no more than is known."""
    if metres is None:
        return UNCERTAINTY_BEST_EFFORT
    for code in range(UNCERTAINTY_BEST_EFFORT):
        if 2.0 * 1.2 ** (code + 5) - 4.0 >= metres - 1e-9:
            return code
    return UNCERTAINTY_BEST_EFFORT


def altitude_m(code: int) -> int | None:
    """Return metres of an 11 bit altitude code; None for 0, reserved."""
    if code == 0:
        return None
    if code <= 1201:
        return code - 201
    if code <= 1926:
        return 1000 + 2 * (code - 1201)
    return 2450 + 75 * (code - 1926)


def encode_altitude(metres: float | None) -> int:
    """Return the nearest 11 bit altitude code."""
    if metres is None:
        return 0
    if metres <= 1000:
        return max(1, round(metres) + 201)
    if metres <= 2450:
        return 1201 + round((metres - 1000) / 2)
    return min(2047, 1926 + round((metres - 2450) / 75))


def encode_direction(degrees: float) -> int:
    """Return the 4 bit direction code of a short report."""
    return int((degrees % 360.0 + 11.25) / 22.5) % 16


def encode_position_error(metres: float | None) -> int:
    """Return the 3 bit position error code that covers ``metres``."""
    if metres is None:
        return POSITION_ERROR_UNKNOWN
    for code, bound in enumerate(POSITION_ERROR_M[:6]):
        if bound is not None and metres < bound:
            return code
    return 6


def encode_longitude(degrees: float) -> int:
    """Return the signed 25 bit code of a longitude."""
    return min((1 << 24) - 1, max(-(1 << 24), round(degrees / DEGREES_PER_LONGITUDE_UNIT)))


def encode_latitude(degrees: float) -> int:
    """Return the signed 24 bit code of a latitude."""
    return min((1 << 23) - 1, max(-(1 << 23), round(degrees / DEGREES_PER_LATITUDE_UNIT)))
