"""The documented fields of a LinkedIn profile as pydantic models, for the contestant that uses it.

As tolerant as ours: everything may be null or missing, numbers may be text where ours may be.
"""

from pydantic import BaseModel, Field


class Social(BaseModel):
    type: str | None = None
    name: str | None = None


class ContactInfo(BaseModel):
    emails: list[str] | None = Field(default_factory=list)
    phones: list[str] | None = Field(default_factory=list)
    adresses: list[str] | None = Field(default_factory=list)
    socials: list[Social] | None = Field(default_factory=list)


class Birthdate(BaseModel):
    month: int | None = None
    day: int | None = None


class Locale(BaseModel):
    country: str | None = None
    language: str | None = None


class CreatorWebsite(BaseModel):
    url: str | None = None
    description: str | None = None


class Invitation(BaseModel):
    type: str | None = None
    status: str | None = None


class WorkExperience(BaseModel):
    id: str | None = None
    position: str | None = None
    company: str | None = None
    company_id: str | int | None = None
    company_url: str | None = None
    company_picture_url: str | None = None
    industry: list[str] | None = Field(default_factory=list)
    location: str | None = None
    description: str | None = None
    skills: list[str] | None = Field(default_factory=list)
    current: bool | int | None = None
    status: str | None = None
    start: str | None = None
    end: str | None = None


class Volunteering(BaseModel):
    company: str | None = None
    description: str | None = None
    role: str | None = None
    cause: str | None = None
    start: str | None = None
    end: str | None = None


class Education(BaseModel):
    id: str | None = None
    school: str | None = None
    school_id: str | int | None = None
    school_url: str | None = None
    school_picture_url: str | None = None
    degree: str | None = None
    grade: str | None = None
    field_of_study: str | None = None
    description: str | None = None
    activities: str | None = None
    skills: list[str] | None = Field(default_factory=list)
    start: str | None = None
    end: str | None = None


class Skill(BaseModel):
    name: str | None = None
    endorsement_count: int | None = None
    endorsement_id: int | str | None = None
    insights: list[str] | None = Field(default_factory=list)
    endorsed: bool | int | None = None


class Language(BaseModel):
    name: str | None = None
    proficiency: str | None = None


class Certification(BaseModel):
    name: str | None = None
    organization: str | None = None
    url: str | None = None


class Project(BaseModel):
    name: str | None = None
    description: str | None = None
    skills: list[str] | None = Field(default_factory=list)
    start: str | None = None
    end: str | None = None


class Recommender(BaseModel):
    first_name: str | None = None
    last_name: str | None = None
    provider_id: str | None = None
    headline: str | None = None
    public_identifier: str | None = None
    public_profile_url: str | None = None
    profile_picture_url: str | None = None


class Recommendation(BaseModel):
    text: str | None = None
    caption: str | None = None
    actor: Recommender | None = None


class Recommendations(BaseModel):
    received: list[Recommendation] | None = Field(default_factory=list)
    received_total_count: int | None = None
    given: list[Recommendation] | None = Field(default_factory=list)
    given_total_count: int | None = None


class Tag(BaseModel):
    id: str | None = None
    name: str | None = None


class LinkedInProfile(BaseModel):
    object: str | None = None
    provider: str | None = None
    provider_id: str | None = None
    public_identifier: str | None = None
    public_profile_url: str | None = None
    member_urn: str | int | None = None
    first_name: str | None = None
    last_name: str | None = None
    pronoun: str | None = None
    headline: str | None = None
    summary: str | None = None
    location: str | None = None
    websites: list[str] | None = Field(default_factory=list)
    profile_picture_url: str | None = None
    profile_picture_url_large: str | None = None
    background_picture_url: str | None = None
    hashtags: list[str] | None = Field(default_factory=list)
    contact_info: ContactInfo | None = None
    birthdate: Birthdate | None = None
    primary_locale: Locale | None = None
    creator_website: CreatorWebsite | None = None
    can_send_inmail: bool | int | None = None
    connected_at: float | int | None = None
    is_open_profile: bool | int | None = None
    is_premium: bool | int | None = None
    is_influencer: bool | int | None = None
    is_creator: bool | int | None = None
    is_hiring: bool | int | None = None
    is_open_to_work: bool | int | None = None
    is_saved_lead: bool | int | None = None
    is_crm_imported: bool | int | None = None
    is_relationship: bool | int | None = None
    is_self: bool | int | None = None
    invitation: Invitation | None = None
    work_experience: list[WorkExperience] | None = Field(default_factory=list)
    work_experience_total_count: int | None = None
    volunteering_experience: list[Volunteering] | None = Field(default_factory=list)
    volunteering_experience_total_count: int | None = None
    education: list[Education] | None = Field(default_factory=list)
    education_total_count: int | None = None
    skills: list[Skill] | None = Field(default_factory=list)
    skills_total_count: int | None = None
    languages: list[Language] | None = Field(default_factory=list)
    languages_total_count: int | None = None
    certifications: list[Certification] | None = Field(default_factory=list)
    certifications_total_count: int | None = None
    projects: list[Project] | None = Field(default_factory=list)
    projects_total_count: int | None = None
    recommendations: Recommendations | None = None
    tags: list[Tag] | None = Field(default_factory=list)
    throttled_sections: list[str] | None = Field(default_factory=list)
    candidate_id: str | None = None
    follower_count: int | None = None
    connections_count: int | None = None
    shared_connections_count: int | None = None
    network_distance: str | None = None
